#include "common/simulate/simulated_run.h"

#include <utility>

#include "common/config/convert.h"

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
  options.devices = DeviceOptionsOf(config);
  if (options.devices.empty())
    options.devices = {DeviceOptions{.message_overhead = kHostMessageOverhead}};
  return options;
}

AllReduceProblem ProblemOf(const TimelineOptions& options) {
  AllReduceProblem problem;
  problem.network = options.network;
  problem.world_size = options.world_size;
  problem.segment_bytes = options.segment_bytes;
  if (!options.devices.empty()) problem.device = OfRank(options.devices, 0);
  return problem;
}

}  // namespace edgetp
