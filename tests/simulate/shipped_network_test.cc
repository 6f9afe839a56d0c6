#include <gtest/gtest.h>

#include "common/base/quantile.h"
#include "common/config/convert.h"
#include "common/config/load.h"
#include "common/simulate/compute_cost.h"
#include "common/simulate/forecast.h"

namespace edgetp {
namespace {

// Jitter, loss, slow and fast interfaces, media, traces: whatever is shipped.
TEST(ShippedNetworkTest, EveryNetworkCanBeSimulated) {
  const ConfigLibrary library({EDGETP_SOURCE_DIR "/configs"});
  ForecastCase forecast;
  forecast.plan.shape = {
      .layers = 2, .heads = 4, .channels = 128, .sequence = 64, .vocabulary = 65};
  forecast.plan.pattern = Pattern::Parse("sp", 2).value();
  forecast.plan.world_size = 4;
  forecast.plan.batch = 12;
  forecast.devices = {library.Device("raspberry-pi-5").value()};
  const StepPlan plan = BuildStepPlan(forecast.plan).value();
  absl::Duration compute;
  for (const absl::Duration segment :
       SegmentDurations(plan.steps[0], ToDeviceOptions(forecast.devices[0])))
    compute += segment;
  for (const std::string& name : library.Names(ConfigKind::kNetwork)) {
    forecast.network = library.Network(name).value();
    for (const char* algorithm : {"auto", "ring", "halving_doubling", "star"}) {
      forecast.algorithm = algorithm;
      const auto result = RunForecast(forecast, plan);
      ASSERT_TRUE(result.ok()) << name << " " << algorithm << ": " << result.status();
      EXPECT_GT(Quantile(result->step_seconds, 0.5), absl::ToDoubleSeconds(compute)) << name;
    }
  }
}

}  // namespace
}  // namespace edgetp
