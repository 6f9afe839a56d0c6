// Rules about what a device takes of electricity, and how it heats up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/override.h"
#include "common/config/validate.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

std::string Says(const std::vector<std::string>& overrides) {
  v1::DeviceProfile device;
  device.set_flops_per_second(1e9);
  EXPECT_EQ(ApplyOverrides(overrides, &device), absl::OkStatus());
  return std::string(ValidateDevice(device, "pi").message());
}

TEST(ValidateDeviceTest, PowerRisesFromIdleToBusy) {
  EXPECT_EQ(Says({"watts_idle=2", "watts_exchange=4", "watts_busy=9"}), "");
  EXPECT_EQ(Says({"watts_idle=2", "watts=9"}), "");
  EXPECT_EQ(Says({"watts_idle=5", "watts_exchange=4", "watts_busy=9"}),
            "pi: watts_idle: must be at most watts_exchange=4 (got 5 W)");
  EXPECT_EQ(Says({"watts_idle=5", "watts=4.5"}),
            "pi: watts_idle: must be at most watts=4.5 (got 5 W)");
  EXPECT_EQ(Says({"watts_exchange=11", "watts=20", "watts_busy=9"}),
            "pi: watts_exchange: must be at most watts_busy=9 (got 11 W)");
}

TEST(ValidateDeviceTest, PowerIsPositiveAndKnownUnderLoad) {
  EXPECT_THAT(Says({"watts_idle=0", "watts=9"}),
              HasSubstr("pi: watts_idle: must be a finite number above 0 (got 0 W)"));
  EXPECT_THAT(Says({"watts_busy=-1"}),
              HasSubstr("pi: watts_busy: must be a finite number above 0"));
  EXPECT_EQ(Says({"watts_exchange=2"}),
            "pi: watts_busy: must be set, or watts, where other watts are");
}

TEST(ValidateDeviceTest, HeatIsToldInFullOrNotAtAll) {
  const std::vector<std::string> all = {"thermal_time_constant_seconds=300",
                                        "thermal_kelvin_per_watt=5", "thermal_limit_kelvin=55",
                                        "throttle_factor=1.5"};
  std::vector<std::string> with_watts = all;
  with_watts.push_back("watts=12");
  EXPECT_EQ(Says(with_watts), "");
  EXPECT_EQ(Says(all), "pi: watts: must be set: power is what heats a device");
  EXPECT_EQ(Says({"watts=12", all[0], all[1], all[2]}),
            "pi: throttle_factor: must be set where thermal_limit_kelvin is");
  with_watts[3] = "throttle_factor=0.5";
  EXPECT_EQ(Says(with_watts), "pi: throttle_factor: must be in [1, 100] (got 0.5)");
  with_watts[2] = "thermal_limit_kelvin=0";
  EXPECT_THAT(Says(with_watts),
              HasSubstr("pi: thermal_limit_kelvin: must be in [0.001, 10000] K (got 0 K)"));
}

TEST(ValidateDeviceTest, ABoardIsNotAHundredTimesSlowerThanItsProfile) {
  EXPECT_EQ(Says({"compute_factor=1.2"}), "");
  EXPECT_EQ(Says({"compute_factor=101"}), "pi: compute_factor: must be in [0.01, 100] (got 101)");
}

}  // namespace
}  // namespace edgetp
