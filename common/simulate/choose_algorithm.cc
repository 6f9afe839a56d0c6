#include "common/simulate/choose_algorithm.h"

#include <algorithm>

#include "common/base/status_macros.h"
#include "common/collective/registry.h"
#include "common/simulate/timeline.h"

namespace edgetp {
namespace {

// Any fixed number: the choice must not depend on the run's seed.
constexpr uint64_t kPricingSeed = 1;

// Enough for means of jittered networks to be told apart; for large worlds, a message per pair
// averages by itself.
int Repetitions(const AllReduceProblem& problem) {
  bool random = problem.network.link.Random();
  for (const auto& [pair, link] : problem.network.overrides) random |= link.Random();
  constexpr int kMessages = 2048;
  const int pairs = std::max(1, problem.world_size * problem.world_size);
  return random ? std::clamp(kMessages / pairs, 1, 32) : 1;
}

StepPlan OneAllReduce(const AllReduceProblem& problem) {
  StepPlan plan;
  plan.world_size = problem.world_size;
  const AllReduceStep step{CollectiveTag{}, problem.elements,
                           problem.elements * problem.bytes_per_element};
  plan.steps.assign(problem.world_size, {PlanStep(step)});
  return plan;
}

}  // namespace

absl::StatusOr<absl::Duration> PriceAllReduce(const AllReduceProblem& problem,
                                              const std::string& algorithm) {
  TimelineOptions options;
  options.world_size = problem.world_size;
  options.network = problem.network;
  options.network.partition_group.clear();
  options.seed = kPricingSeed;
  options.algorithm = algorithm;
  options.segment_bytes = problem.segment_bytes;
  DeviceOptions device;
  device.message_overhead = problem.message_overhead;
  options.devices = {device};
  ASSIGN_OR_RETURN(TimelineSimulator simulator, TimelineSimulator::Create(std::move(options)));
  const StepPlan plan = OneAllReduce(problem);
  const ComputeTable compute(problem.world_size, std::vector<absl::Duration>(2));
  const int repetitions = Repetitions(problem);
  absl::Duration sum;
  for (int i = 0; i < repetitions; ++i) {
    ASSIGN_OR_RETURN(const StepTimeline timeline, simulator.RunStep(plan, compute));
    sum += timeline.duration;
  }
  return sum / repetitions;
}

std::string ChooseAlgorithm(const AllReduceProblem& problem) {
  std::string best;
  absl::Duration best_price = absl::InfiniteDuration();
  for (const Algorithm& algorithm : Algorithms()) {
    if (!algorithm.sums_in_rank_order) continue;
    const absl::StatusOr<absl::Duration> price = PriceAllReduce(problem, algorithm.name);
    if (price.ok() && *price < best_price) {
      best = algorithm.name;
      best_price = *price;
    }
  }
  return best.empty() ? Algorithms().front().name : best;
}

}  // namespace edgetp
