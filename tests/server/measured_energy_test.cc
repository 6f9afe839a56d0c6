// Energy of a run that waits: from reports to records, sums and the summary.
#include "server/measured_energy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/defaults.h"
#include "server/simulated_clock.h"
#include "server/summary.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;

v1::DeviceProfile Board(double watts_busy) {
  v1::DeviceProfile device;
  device.set_name("board");
  device.set_flops_per_second(1e6);
  device.set_watts_idle(2);
  device.set_watts_busy(watts_busy);
  return device;
}

// Rank 1 waits for rank 0.
v1::StepReport Report(int step, int rank) {
  v1::StepReport report;
  report.set_step(step);
  report.set_step_seconds(1);
  report.set_end_seconds(step);
  report.mutable_breakdown_seconds()->set_compute(rank == 0 ? 1 : 0.25);
  report.mutable_breakdown_seconds()->set_straggler(rank == 0 ? 0 : 0.75);
  return report;
}

TEST(MeasuredEnergyTest, EachRanksReportTimesItsOwnDevicesPower) {
  StepAggregator aggregator(2, 10, 100, /*resumed=*/false, MeasuredEnergy({Board(10), Board(20)}));
  ASSERT_TRUE(aggregator.Add(0, Report(1, 0)).ok());
  const v1::StepRecord record = **aggregator.Add(1, Report(1, 1));
  EXPECT_THAT(record.energy().joules_per_rank(), ElementsAre(10, 0.25 * 20 + 0.75 * 2));
  EXPECT_DOUBLE_EQ(record.energy().joules(), 16.5);
}

TEST(MeasuredEnergyTest, IsNotKnownOfHostsAndOfDevicesWithoutWatts) {
  EXPECT_EQ(MeasuredEnergy({}), nullptr);
  EXPECT_EQ(MeasuredEnergy({Board(10), v1::DeviceProfile()}), nullptr);
}

EndedRun RunOf(const std::vector<v1::DeviceProfile>& devices) {
  StepAggregator aggregator(2, 10, 100, /*resumed=*/false, MeasuredEnergy(devices));
  for (int step = 1; step <= 3; ++step) {
    for (int rank = 0; rank < 2; ++rank) EXPECT_TRUE(aggregator.Add(rank, Report(step, rank)).ok());
  }
  EndedRun ended{.run = "a", .spec = {}, .outcome = "done", .failure = absl::OkStatus()};
  v1::RunConfig* const config = ended.spec.mutable_config();
  config->set_workers(2);
  *config->mutable_devices() = {devices.begin(), devices.end()};
  ended.results.resize(2);
  ended.statistics = aggregator.statistics();
  return ended;
}

TEST(MeasuredEnergyTest, TheSummaryHasJoulesPerStepAndTokenAndWattHoursOfTheRun) {
  const v1::RunSummary summary = Summarize(RunOf({Board(10), Board(20)}), {});
  const v1::Energy& energy = summary.energy();
  EXPECT_DOUBLE_EQ(energy.joules_per_step(), 16.5);
  EXPECT_DOUBLE_EQ(energy.joules_per_token(), 0.165);
  EXPECT_DOUBLE_EQ(energy.mean_watts(), 16.5);
  EXPECT_EQ(energy.run_steps(), 3);
  EXPECT_DOUBLE_EQ(energy.watt_hours_per_run(), 3 * 16.5 / 3600);
  EXPECT_THAT(energy.joules_per_step_per_rank(), ElementsAre(10, 6.5));
  EXPECT_THAT(energy.notes(), ElementsAre("board: no watts_exchange: exchanges count as busy"));
}

TEST(MeasuredEnergyTest, ARunOnTheHostSaysNothing) {
  EXPECT_FALSE(Summarize(RunOf({}), {}).has_energy());
}

TEST(SimulatedEnergyTest, AChargedStepTakesWhatItsSimulatedTimesSay) {
  v1::RunConfig config;
  v1::ModelConfig* const model = config.mutable_model();
  model->set_layers(2);
  model->set_heads(2);
  model->set_channels(8);
  model->set_sequence(4);
  model->set_vocabulary(10);
  config.set_workers(2);
  *config.mutable_device() = Board(10);
  config.mutable_device()->set_watts_idle(10);  // as if always busy
  FillDefaults(&config);
  NetworkSchedule schedule(config.network());
  SimulatedClock clock(&config);
  schedule.Begin(clock.now());
  v1::StepRecord record;
  record.set_step(1);
  ASSERT_TRUE(clock.Charge(std::vector<v1::StepReport>(2), &schedule, &record).ok());
  EXPECT_NEAR(record.energy().joules(), 2 * 10 * record.step_seconds(), 1e-6);
  config.mutable_device()->clear_watts_idle();
  config.mutable_device()->clear_watts_busy();
  SimulatedClock unknown(&config);
  v1::StepRecord silent;
  ASSERT_TRUE(unknown.Charge(std::vector<v1::StepReport>(2), &schedule, &silent).ok());
  EXPECT_FALSE(silent.has_energy());
  EXPECT_EQ(silent.step_seconds(), record.step_seconds());
}

}  // namespace
}  // namespace edgetp
