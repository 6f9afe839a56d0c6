#include "worker/collective/algorithm_choice.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "common/config/convert.h"
#include "common/simulate/simulated_run.h"

namespace edgetp {
namespace {

// What `auto` assumes of a network without limits: a host's loopback, where copies are what costs.
constexpr double kLoopbackBitsPerSecond = 2e10;

}  // namespace

AlgorithmChooser ChooserFor(const v1::RunConfig& config, NetworkOptions network) {
  const std::string& name = config.collective().algorithm();
  if (name != "auto") return FixedAlgorithm(name);
  // What the simulator assumes, wherever it has a say, so that both choose alike.
  AllReduceProblem problem = ProblemOf(ToTimelineOptions(config, std::move(network)));
  const bool on_host = DevicesOf(config).empty() && config.clock() != v1::CLOCK_SIMULATED;
  if (on_host && problem.network.Unlimited())
    problem.network.link.rate_bits_per_second = kLoopbackBitsPerSecond;
  return
      [problem](int64_t elements, const WireFormat& wire) mutable -> absl::StatusOr<std::string> {
        problem.elements = elements;
        problem.wire = wire;
        const std::string chosen = ChooseAlgorithm(problem);
        spdlog::info("allreduce auto: {} for {} bytes over {} workers", chosen,
                     problem.wire_bytes(), problem.world_size);
        return chosen;
      };
}

}  // namespace edgetp
