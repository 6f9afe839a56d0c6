#include "common/advise/planned.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "common/base/status_macros.h"

namespace edgetp {
namespace {

// Heads in proportion to `speeds`, at most `caps` each; absent where the caps leave some over.
std::optional<std::vector<int>> CappedShares(int heads, const std::vector<double>& speeds,
                                             const std::vector<int>& caps) {
  const auto ranks = static_cast<int>(speeds.size());
  if (std::accumulate(caps.begin(), caps.end(), 0) < heads) return std::nullopt;
  std::vector<int> shares(ranks, 1);
  for (int given = ranks; given < heads; ++given) {
    // To whom the next head costs the least time.
    int best = -1;
    for (int rank = 0; rank < ranks; ++rank) {
      if (shares[rank] == caps[rank]) continue;
      if (best < 0 || (shares[rank] + 1) / speeds[rank] < (shares[best] + 1) / speeds[best])
        best = rank;
    }
    ++shares[best];
  }
  return shares;
}

std::vector<int> EmptyIfEven(std::vector<int> shares) {
  const bool even =
      std::all_of(shares.begin(), shares.end(), [&](int share) { return share == shares.front(); });
  return even ? std::vector<int>() : shares;
}

// Of each stage of a mesh: the first ranks have one more where heads do not divide.
std::vector<int> NearlyEven(int heads, int shards) {
  std::vector<int> shares(shards, heads / shards);
  for (int i = 0; i < heads % shards; ++i) ++shares[i];
  return EmptyIfEven(std::move(shares));
}

bool AllFit(const SimulateCase& run, const StepPlan& plan) {
  for (int rank = 0; rank < plan.world_size; ++rank) {
    if (!Fits(run.forecast.devices[rank], plan, rank)) return false;
  }
  return true;
}

absl::StatusOr<std::optional<std::vector<int>>> SplitOf(const AdviseProblem& problem,
                                                        const AdviseGroup& group,
                                                        const AdviseLayout& layout,
                                                        const std::vector<double>& speeds) {
  const int shards = group.strategy.shards;
  if (shards == 1) return std::optional(std::vector<int>());
  if (shards == group.workers()) return FittingSplit(problem, group, layout, speeds);
  return std::optional(NearlyEven(problem.base.plan.shape.heads, shards));
}

// Exactly this layout.
absl::StatusOr<std::optional<PlannedCandidate>> PlanLayout(const AdviseProblem& problem,
                                                           const AdviseGroup& group,
                                                           const AdviseLayout& layout,
                                                           const std::vector<double>& speeds) {
  ASSIGN_OR_RETURN(std::optional<std::vector<int>> split, SplitOf(problem, group, layout, speeds));
  if (!split.has_value()) return std::optional<PlannedCandidate>();
  PlannedCandidate planned;
  planned.candidate = {group, layout, *std::move(split)};
  ASSIGN_OR_RETURN(planned.run, CaseOf(problem, planned.candidate));
  ASSIGN_OR_RETURN(planned.strategy, PlanOf(planned.run.forecast, planned.run.strategy));
  if (!AllFit(planned.run, planned.strategy.plan)) return std::optional<PlannedCandidate>();
  return std::optional(std::move(planned));
}

// Groups of rows keep what they read.
bool CanRecompute(const AdviseLayout& layout) { return layout.overlap.kind != OverlapKind::kRows; }

}  // namespace

absl::StatusOr<std::optional<PlannedCandidate>> PlanCandidate(const AdviseProblem& problem,
                                                              const AdviseGroup& group,
                                                              const AdviseLayout& layout,
                                                              const std::vector<double>& speeds) {
  AdviseLayout again = layout;
  again.recompute = true;
  if (problem.goal == AdviseGoal::kMemory && CanRecompute(layout))
    return PlanLayout(problem, group, again, speeds);
  ASSIGN_OR_RETURN(std::optional<PlannedCandidate> planned,
                   PlanLayout(problem, group, layout, speeds));
  if (planned.has_value() || !CanRecompute(layout)) return planned;
  return PlanLayout(problem, group, again, speeds);
}

absl::StatusOr<std::optional<std::vector<int>>> FittingSplit(const AdviseProblem& problem,
                                                             const AdviseGroup& group,
                                                             const AdviseLayout& layout,
                                                             const std::vector<double>& speeds) {
  const int heads = problem.base.plan.shape.heads;
  std::vector<double> of_ranks;
  for (const int device : layout.devices) of_ranks.push_back(speeds[device]);
  std::vector<int> caps(of_ranks.size(), heads);
  while (true) {
    const std::optional<std::vector<int>> shares = CappedShares(heads, of_ranks, caps);
    if (!shares.has_value()) return std::optional<std::vector<int>>();
    ASSIGN_OR_RETURN(const SimulateCase run,
                     CaseOf(problem, {group, layout, EmptyIfEven(*shares)}));
    ASSIGN_OR_RETURN(const StepPlan plan, BuildEvaluationPlan(run.forecast.plan));
    bool fits = true;
    for (int rank = 0; rank < group.workers(); ++rank) {
      if (Fits(run.forecast.devices[rank], plan, rank)) continue;
      fits = false;
      caps[rank] = (*shares)[rank] - 1;
      if (caps[rank] == 0) return std::optional<std::vector<int>>();
    }
    if (fits) return std::optional(EmptyIfEven(*shares));
  }
}

double PlannedSteps(const AdviseProblem& problem, const AdviseGroup& group,
                    const AdviseLayout& layout) {
  // Of a layer and micro-batch: attention and MLP, forward and backward, each computing and summing.
  constexpr double kOfALayer = 8;
  const double overlap = layout.overlap.kind == OverlapKind::kNone ? 1 : 2;
  const double rounds = group.strategy.local ? StrategyOptions().inner_steps : 1;
  return kOfALayer * overlap * rounds * problem.base.plan.shape.layers / group.strategy.stages *
         layout.micro_batches * group.workers();
}

}  // namespace edgetp
