#include "common/simulate/simulated_run.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/load.h"

namespace edgetp {

std::vector<DeviceOptions> DeviceOptionsOf(const v1::RunConfig& config) {
  return ToDeviceOptions(DevicesOf(config));
}

TimelineOptions ToTimelineOptions(const v1::RunConfig& config, NetworkOptions network) {
  TimelineOptions options;
  options.world_size = config.workers();
  options.network = std::move(network);
  options.seed = config.seed();
  options.algorithm = config.collective().algorithm();
  options.segment_bytes = config.collective().segment_bytes();
  if (config.collective().has_slice_bytes())
    options.slice_bytes = config.collective().slice_bytes();
  options.devices = DeviceOptionsOf(config);
  if (options.devices.empty())
    options.devices = {DeviceOptions{.message_overhead = kHostMessageOverhead}};
  return options;
}

absl::StatusOr<ForecastCase> ToForecastCase(const v1::RunConfig& config) {
  ForecastCase forecast;
  ASSIGN_OR_RETURN(forecast.plan, ToPlanOptions(config));
  forecast.devices = DevicesOf(config);
  forecast.network = config.has_network() ? config.network() : UnlimitedNetwork();
  forecast.algorithm = config.collective().algorithm();
  forecast.segment_bytes = config.collective().segment_bytes();
  if (config.collective().has_slice_bytes())
    forecast.slice_bytes = config.collective().slice_bytes();
  forecast.seed = config.seed();
  return forecast;
}

AllReduceProblem ProblemOf(const TimelineOptions& options) {
  AllReduceProblem problem;
  problem.network = options.network;
  problem.world_size = options.world_size;
  problem.segment_bytes = options.segment_bytes;
  problem.slice_bytes = options.slice_bytes;
  if (!options.devices.empty()) problem.device = OfRank(options.devices, 0);
  return problem;
}

}  // namespace edgetp
