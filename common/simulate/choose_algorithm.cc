#include "common/simulate/choose_algorithm.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/collective/registry.h"
#include "common/simulate/timeline.h"

namespace edgetp {
namespace {

// Any fixed number: the choice must not depend on the run's seed.
constexpr uint64_t kPricingSeed = 1;

// Enough for the means of jittered networks to be told apart; fewer where there are many segments,
// which average by themselves and would take long.
int Repetitions(const AllReduceProblem& problem) {
  if (!problem.network.Random()) return 1;
  constexpr int64_t kSegments = 16384;
  const int64_t pairs = int64_t{problem.world_size} * problem.world_size;
  const Segmentation cut(problem.elements, problem.bytes_per_element, problem.segment_bytes);
  return static_cast<int>(std::clamp<int64_t>(kSegments / (pairs * (cut.count() + 1)), 1, 32));
}

// Segments stay as they are up to about a million; beyond it, the price is one of larger segments.
int64_t SegmentBytes(const AllReduceProblem& problem, const Algorithm& algorithm) {
  constexpr double kMaxSegments = 1 << 20;
  const double bytes = static_cast<double>(problem.elements) * problem.bytes_per_element *
                       algorithm.elements_sent_per_element(problem.world_size) * problem.world_size;
  const double segments = bytes / static_cast<double>(problem.segment_bytes);
  if (!(segments > kMaxSegments)) return problem.segment_bytes;
  return static_cast<int64_t>(bytes / kMaxSegments);
}

// The price shall hold for the whole run, and a trace changes from second to second.
void TakeMeanRate(LinkOptions* link) {
  if (link->trace == nullptr) return;
  link->rate_bits_per_second = link->trace->MeanBitsPerSecond();
  link->trace.reset();
}

NetworkOptions PricedNetwork(const NetworkOptions& network) {
  NetworkOptions priced = network;
  priced.partition_group.clear();
  TakeMeanRate(&priced.link);
  for (auto& [pair, link] : priced.overrides) TakeMeanRate(&link);
  return priced;
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
  if (problem.bytes_per_element < 1 || problem.elements < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("price all_reduce: bad size (elements=", problem.elements,
                     " bytes_per_element=", problem.bytes_per_element, ")"));
  }
  ASSIGN_OR_RETURN(const Algorithm* row, FindAlgorithm(algorithm));
  if (problem.world_size < 1 || problem.segment_bytes < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "price all_reduce: world_size and segment_bytes must be at least 1 (world_size=",
        problem.world_size, " segment_bytes=", problem.segment_bytes, ")"));
  }
  TimelineOptions options;
  options.world_size = problem.world_size;
  options.network = PricedNetwork(problem.network);
  options.seed = kPricingSeed;
  options.algorithm = algorithm;
  options.segment_bytes = SegmentBytes(problem, *row);
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

bool ClearlyCheaper(absl::Duration price, absl::Duration than) {
  constexpr int64_t kRelativeRounding = 1'000'000;
  if (than == absl::InfiniteDuration()) return price < than;
  return price < than - std::max(absl::Nanoseconds(10), than / kRelativeRounding);
}

std::string ChooseAlgorithm(const AllReduceProblem& problem) {
  std::string best;
  absl::Duration best_price = absl::InfiniteDuration();
  for (const Algorithm& algorithm : Algorithms()) {
    if (!algorithm.sums_in_rank_order) continue;
    const absl::StatusOr<absl::Duration> price = PriceAllReduce(problem, algorithm.name);
    if (price.ok() && ClearlyCheaper(*price, best_price)) {
      best = algorithm.name;
      best_price = *price;
    }
  }
  return best.empty() ? Algorithms().front().name : best;
}

}  // namespace edgetp
