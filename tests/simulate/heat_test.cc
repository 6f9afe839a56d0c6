// One first-order term, against its closed form: T(t) = R P (1 - exp(-t / tau)).
#include "common/simulate/heat.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/simulate/simulate_case.h"

namespace edgetp {
namespace {

constexpr double kTimeConstant = 100;  // s
constexpr double kKelvinPerWatt = 5;
constexpr double kLimit = 30;  // K
constexpr double kWatts = 10;

v1::DeviceProfile HotBoard(double throttle_factor) {
  v1::DeviceProfile device = testing::Board(1e10);
  device.set_watts_idle(2);
  device.set_watts_exchange(4);
  device.set_watts_busy(kWatts);
  device.set_thermal_time_constant_seconds(kTimeConstant);
  device.set_thermal_kelvin_per_watt(kKelvinPerWatt);
  device.set_thermal_limit_kelvin(kLimit);
  device.set_throttle_factor(throttle_factor);
  return device;
}

TEST(TemperatureTest, FollowsTheClosedFormHoweverTimeIsCut) {
  Temperature whole(*ToHeatOptions(HotBoard(2)));
  Temperature cut = whole;
  whole.Pass(absl::Seconds(70), kWatts);
  for (int i = 0; i < 700; ++i) cut.Pass(absl::Milliseconds(100), kWatts);
  const double want = kKelvinPerWatt * kWatts * (1 - std::exp(-70 / kTimeConstant));
  EXPECT_NEAR(whole.kelvin(), want, 1e-9);
  EXPECT_NEAR(cut.kelvin(), want, 1e-9);
}

TEST(TemperatureTest, CoolsTowardsWhatLessPowerSettlesAt) {
  Temperature temperature(*ToHeatOptions(HotBoard(2)));
  temperature.Pass(absl::Hours(1), kWatts);
  EXPECT_TRUE(temperature.throttled());
  EXPECT_EQ(temperature.factor(), 2);
  temperature.Pass(absl::Hours(1), 2);
  EXPECT_NEAR(temperature.kelvin(), kKelvinPerWatt * 2, 1e-9);
  EXPECT_EQ(temperature.factor(), 1);
}

TEST(SimulateHeatTest, ADeviceThrottlesOnceTheClosedFormReachesItsLimit) {
  SimulateCase run = testing::OneRank(HotBoard(1.5), 1);
  run.forecast.steps = 100;
  const v1::SimulateReport report = *Simulate(run);
  // R P (1 - exp(-t / tau)) = limit; the first step that begins then is throttled.
  const double reached = -kTimeConstant * std::log(1 - kLimit / (kKelvinPerWatt * kWatts));
  ASSERT_TRUE(report.heat().has_throttled_after_seconds());
  EXPECT_NEAR(report.heat().throttled_after_seconds(), std::ceil(reached), 1e-3);
  // Throttled, it takes 4 + 6 / 1.5 W, and still settles above the limit: it stays so.
  EXPECT_NEAR(report.heat().throttled_share(), (100 - std::ceil(reached)) / 100, 1e-9);
  EXPECT_NEAR(report.step_seconds(), 1, 1e-6);
  EXPECT_NEAR(report.step_seconds_p99(), 1.5, 1e-6);
}

TEST(SimulateHeatTest, ADeviceThatCoolsWhenItThrottlesSettlesAroundItsLimit) {
  // Throttled: 4 + 6 / 4 W settle at 27.5 K.
  const v1::SimulateReport report = *Simulate(testing::OneRank(HotBoard(4), 1));
  EXPECT_NEAR(report.steps(), 500, 1);  // five time constants
  EXPECT_GE(report.heat().highest_kelvin(), kLimit);
  EXPECT_LT(report.heat().highest_kelvin(),
            kLimit + (kKelvinPerWatt * kWatts - kLimit) / kTimeConstant);
  EXPECT_GT(report.heat().throttled_share(), 0.1);
  EXPECT_LT(report.heat().throttled_share(), 0.9);
}

TEST(SimulateHeatTest, AThrottledStepTakesThePowerOfItsLowerLoad) {
  SimulateCase run = testing::OneRank(HotBoard(2), 1000);  // hot after the first step
  run.forecast.steps = 2;
  const v1::SimulateReport report = *Simulate(run);
  EXPECT_NEAR(report.energy().joules_per_step(), (1000 * 10 + 2000 * (4 + 6.0 / 2)) / 2, 1e-2);
  EXPECT_NEAR(report.heat().throttled_share(), 0.5, 1e-9);
}

TEST(SimulateHeatTest, IsOffWithoutALimit) {
  SimulateCase run = testing::OneRank(testing::Board(1e10), 1);
  EXPECT_FALSE(Simulate(run)->has_heat());
}

}  // namespace
}  // namespace edgetp
