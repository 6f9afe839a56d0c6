#include "common/simulate/energy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/simulate/simulate_case.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::DeviceProfile FullySaid() {
  v1::DeviceProfile device = testing::Board(1e10);
  device.set_watts_idle(2);
  device.set_watts_exchange(5);
  device.set_watts_busy(10);
  return device;
}

TEST(PowerTest, WhatAProfileLeavesOutIsThatOfTheNextBusierState) {
  v1::DeviceProfile device;
  EXPECT_FALSE(ToPowerOptions(device).has_value());
  device.set_watts(12);
  EXPECT_EQ(ToPowerOptions(device)->idle, 12);
  EXPECT_EQ(ToPowerOptions(device)->busy, 12);
  device.set_watts_idle(3);
  EXPECT_EQ(ToPowerOptions(device)->idle, 3);
  EXPECT_EQ(ToPowerOptions(device)->exchange, 12);
  device.set_watts_exchange(5);
  device.clear_watts_idle();
  EXPECT_EQ(ToPowerOptions(device)->idle, 5);
  device.set_watts_busy(11);
  EXPECT_EQ(ToPowerOptions(device)->busy, 11);
}

TEST(PowerTest, WhatWasAssumedIsToldOnceForEachKindOfDevice) {
  v1::DeviceProfile watts_alone = testing::Board(1e9);
  watts_alone.set_name("pi");
  watts_alone.set_watts(7);
  v1::DeviceProfile idle_too = watts_alone;
  idle_too.set_name("cm");
  idle_too.set_watts_idle(2);
  EXPECT_THAT(PowerNotes({watts_alone, watts_alone, idle_too, FullySaid()}),
              ElementsAre("pi: from watts alone: as if always busy",
                          "cm: no watts_exchange: exchanges count as busy"));
}

TEST(PowerTest, ADeviceWithoutWattsIsNamedWithWhatToAdd) {
  v1::DeviceProfile silent = testing::Board(1e9);
  silent.set_name("abacus");
  EXPECT_TRUE(CheckPower({FullySaid()}).ok());
  EXPECT_TRUE(KnowsEnergy({FullySaid()}));
  EXPECT_FALSE(KnowsEnergy({FullySaid(), silent}));
  EXPECT_FALSE(KnowsEnergy({}));
  const std::string says(CheckPower({FullySaid(), silent}).message());
  EXPECT_THAT(says, HasSubstr("device abacus says no watts: add watts"));
  EXPECT_THAT(says, HasSubstr("--set device.watts="));
}

TEST(JoulesTest, AreTheSecondsOfEachStateTimesItsPower) {
  v1::Breakdown seconds;
  seconds.set_compute(2);
  seconds.set_staging(0.25);
  seconds.set_software(0.5);
  seconds.set_serialization(0.25);
  seconds.set_queueing(0.5);
  seconds.set_propagation(0.25);
  seconds.set_jitter(0.25);
  seconds.set_straggler(0.5);
  const PowerOptions power = *ToPowerOptions(FullySaid());
  EXPECT_DOUBLE_EQ(Joules(power, seconds), 2 * 10 + 1 * 5 + 1.5 * 2);
  // At half the load compute takes half of what is above the power of being awake.
  EXPECT_DOUBLE_EQ(Joules(power, seconds, 0.5), 2 * 7.5 + 1 * 5 + 1.5 * 2);
}

TEST(SimulateEnergyTest, IsEachRanksBreakdownTimesItsPower) {
  SimulateCase run = testing::MiniGptCase(4, FullySaid());
  const v1::SimulateReport report = *Simulate(run);
  ASSERT_TRUE(report.has_energy());
  const v1::Energy& energy = report.energy();
  double sum = 0;
  for (int rank = 0; rank < 4; ++rank) {
    const double joules =
        Joules(*ToPowerOptions(FullySaid()), report.breakdown_seconds_per_rank(rank));
    EXPECT_NEAR(energy.joules_per_step_per_rank(rank), joules, 1e-6);
    sum += joules;
  }
  EXPECT_NEAR(energy.joules_per_step(), sum, 1e-6);
  EXPECT_DOUBLE_EQ(energy.joules_per_token(), energy.joules_per_step() / (12 * 64));
  EXPECT_DOUBLE_EQ(energy.watt_hours_per_run(), energy.joules_per_step() * 2000 / 3600);
  EXPECT_EQ(energy.run_steps(), 2000);
  EXPECT_GT(energy.mean_watts(), 4 * 2);
  EXPECT_LT(energy.mean_watts(), 4 * 10);
  EXPECT_THAT(energy.notes(), IsEmpty());
}

TEST(SimulateEnergyTest, FromWattsAloneADeviceIsAlwaysBusyAndTheReportSaysSo) {
  SimulateCase run = testing::MiniGptCase(2, testing::Board(1e10));
  run.forecast.devices[0].set_watts(12.5);
  const v1::SimulateReport report = *Simulate(run);
  EXPECT_NEAR(report.energy().joules_per_step(), 2 * 12.5 * report.mean_step_seconds(), 1e-6);
  EXPECT_NEAR(report.energy().mean_watts(), 25, 1e-6);
  EXPECT_THAT(report.energy().notes(), ElementsAre("board: from watts alone: as if always busy"));
}

TEST(SimulateEnergyTest, IsNotToldWhereADeviceSaysNoWatts) {
  SimulateCase run = testing::MiniGptCase(2, FullySaid());
  run.forecast.devices = {FullySaid(), testing::Board(1e10)};
  EXPECT_FALSE(Simulate(run)->has_energy());
}

TEST(SimulateEnergyTest, WattsChangeNothingElse) {
  SimulateCase run = testing::MiniGptCase(2, testing::Board(1e10));
  const std::string without = Simulate(run)->SerializeAsString();
  run.forecast.devices = {FullySaid()};
  v1::SimulateReport with = *Simulate(run);
  with.clear_energy();
  EXPECT_EQ(with.SerializeAsString(), without);
}

}  // namespace
}  // namespace edgetp
