// What `edgetp advise` compares candidates by. Pure.
#pragma once

#include <compare>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/advise/candidates.h"
#include "common/advise/planned.h"
#include "common/simulate/compute_cost.h"

namespace edgetp {

// "tokens", "step", "energy", "memory".
std::string NameOf(AdviseGoal goal);
std::vector<std::string> AdviseGoalNames();
// Errors: InvalidArgument with all names.
absl::StatusOr<AdviseGoal> ParseAdviseGoal(const std::string& text);

// Lower is better.
struct AdviseCost {
  double value = 0;              // seconds per token or step, joules per token, bytes
  double seconds_per_token = 0;  // decides between equal ones
  auto operator<=>(const AdviseCost& other) const = default;
};

// What of a candidate's costs does not depend on how long its step takes.
struct AdviseFigures {
  double tokens = 1;          // per step, of all devices
  double memory_bytes = 0;    // of the fullest device
  double idle_watts = 0;      // of all devices together
  double compute_joules = 0;  // of a step, beyond idling
};

// At least, of a step that takes at least so long. Energy: as if a rank that does not compute waited.
AdviseCost CostOf(AdviseGoal goal, const AdviseFigures& figures, double step_seconds);

// As it was simulated.
AdviseCost CostOf(AdviseGoal goal, const AdviseFigures& figures, const v1::SimulateReport& report);

// `compute`: of BuildComputeTable.
AdviseFigures FiguresOf(const PlannedCandidate& planned, const ComputeTable& compute);

// That every candidate has.
double TokensPerStep(const AdviseProblem& problem);

// Whether the devices have what the goal asks for.
// Errors: InvalidArgument for each kind that has not, with how to add it.
absl::Status CheckGoal(const AdviseProblem& problem);

}  // namespace edgetp
