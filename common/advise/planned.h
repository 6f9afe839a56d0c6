// A candidate of `edgetp advise` with its plan: heads shared out, and held against the memory of its
// devices. Pure.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/advise/candidates.h"
#include "common/plan/strategy.h"

namespace edgetp {

struct PlannedCandidate {
  AdviseCandidate candidate;
  SimulateCase run;
  StrategyPlan strategy;
};

// What a layout of a group is, or why it is none: absent, if a rank's part exceeds its device's
// memory whatever the split. Activations are computed again where it does not fit otherwise, or where
// memory is the goal.
// `speeds`: of DeviceSpeeds.
// Errors: those of BuildStrategyPlan.
absl::StatusOr<std::optional<PlannedCandidate>> PlanCandidate(const AdviseProblem& problem,
                                                              const AdviseGroup& group,
                                                              const AdviseLayout& layout,
                                                              const std::vector<double>& speeds);

// Heads by rank of a group that shares all tensors: in proportion to its devices' speeds; then ranks
// that would not fit into their device's memory pass heads on to those that have room. Empty where
// that is the even split. Absent: there is no split that fits.
// Errors: those of BuildEvaluationPlan.
absl::StatusOr<std::optional<std::vector<int>>> FittingSplit(const AdviseProblem& problem,
                                                             const AdviseGroup& group,
                                                             const AdviseLayout& layout,
                                                             const std::vector<double>& speeds);

// About how many entries the lists of a plan have: one that is too long is neither planned nor
// simulated. Cheap.
double PlannedSteps(const AdviseProblem& problem, const AdviseGroup& group,
                    const AdviseLayout& layout);
inline constexpr double kMostPlannedSteps = 2e6;

}  // namespace edgetp
