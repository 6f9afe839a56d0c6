// All-reduces and single messages: the network alone.
#include "common/base/status_macros.h"
#include "common/network/network_profile.h"
#include "common/published/row_prices.h"
#include "common/simulate/choose_algorithm.h"
#include "common/simulate/timeline.h"

namespace edgetp {
namespace {

// Float32 values of a payload in MiB.
int64_t ElementsOf(double size_mib) {
  constexpr double kElementsPerMib = (1 << 20) / sizeof(float);
  return static_cast<int64_t>(size_mib * kElementsPerMib);
}

}  // namespace

absl::StatusOr<double> PriceAllReduceRow(const PublishedCase& row) {
  const v1::PublishedAllReduce& work = row.row.all_reduce();
  AllReduceProblem problem;
  problem.world_size = work.nodes();
  problem.elements = ElementsOf(work.size_mib());
  ASSIGN_OR_RETURN(problem.network, ResolveNetwork(row.network, work.nodes()));
  ASSIGN_OR_RETURN(const AllReduceCost cost, PriceAllReduce(problem, work.algorithm()));
  return absl::ToDoubleSeconds(cost.mean);
}

// The receiver's clock starts with the first bit.
absl::StatusOr<double> PriceMessageRow(const PublishedCase& row) {
  constexpr int kRanks = 2;
  TimelineOptions options;
  options.world_size = kRanks;
  ASSIGN_OR_RETURN(options.network, ResolveNetwork(row.network, kRanks));
  const absl::Duration delay = options.network.Link(0, 1).PathDelay();
  ASSIGN_OR_RETURN(TimelineSimulator simulator, TimelineSimulator::Create(std::move(options)));
  StepPlan plan;
  plan.world_size = kRanks;
  const CollectiveStep message{.elements = ElementsOf(row.row.message().size_mib()),
                               .kind = CollectiveKind::kSend,
                               .group = {0, 1}};
  plan.steps.assign(kRanks, {PlanStep(message)});
  const ComputeTable compute(kRanks, std::vector<absl::Duration>(2));
  ASSIGN_OR_RETURN(const StepTimeline timeline, simulator.RunStep(plan, compute));
  return absl::ToDoubleSeconds(timeline.ranks[1].end - timeline.ranks[1].begin - delay);
}

}  // namespace edgetp
