#include "worker/collective/algorithm_choice.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>
#include <vector>

#include "common/config/convert.h"
#include "common/simulate/choose_algorithm.h"

namespace edgetp {
namespace {

// What `auto` assumes of a network without limits: a host's loopback, where copies are what costs.
constexpr double kLoopbackBitsPerSecond = 2e10;

}  // namespace

std::optional<DeviceOptions> DeviceOf(const v1::RunConfig& config, int rank) {
  const std::vector<v1::DeviceProfile> devices = DevicesOf(config);
  if (devices.empty()) return std::nullopt;
  return ToDeviceOptions(devices.size() == 1 ? devices[0] : devices.at(rank));
}

AlgorithmChooser ChooserFor(const v1::RunConfig& config, NetworkOptions network) {
  const std::string& name = config.collective().algorithm();
  if (name != "auto") return FixedAlgorithm(name);
  AllReduceProblem problem;
  problem.network = std::move(network);
  // What the simulator assumes, wherever it has a say, so that both choose alike.
  const std::optional<DeviceOptions> device = DeviceOf(config, 0);
  const bool on_host = !device.has_value() && config.clock() != v1::CLOCK_SIMULATED;
  if (on_host && problem.network.Unlimited())
    problem.network.link.rate_bits_per_second = kLoopbackBitsPerSecond;
  problem.world_size = config.workers();
  problem.segment_bytes = config.collective().segment_bytes();
  problem.message_overhead = device.has_value() ? device->message_overhead : kHostMessageOverhead;
  return [problem](int64_t elements, const Codec& codec) mutable -> absl::StatusOr<std::string> {
    problem.elements = elements;
    problem.bytes_per_element = codec.bytes_per_element;
    const std::string chosen = ChooseAlgorithm(problem);
    spdlog::info("allreduce auto: {} for {} bytes over {} workers", chosen,
                 elements * codec.bytes_per_element, problem.world_size);
    return chosen;
  };
}

}  // namespace edgetp
