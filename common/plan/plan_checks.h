// What every plan is checked for before it is built: sizes that can be, and lists that fit into
// memory. Pure.
#pragma once

#include "absl/status/status.h"
#include "common/plan/step_plan.h"

namespace edgetp {

// Errors: InvalidArgument naming the field and the rule.
absl::Status CheckSizes(const PlanOptions& options);

// The lists of all ranks are kept, 80 bytes a step: GPT-3 on a thousand ranks has ten million.
// `updates`: that the plan has.
// Errors: InvalidArgument naming the bound.
absl::Status CheckSteps(const PlanOptions& options, int updates = 1);
// The same of a plan that has so many, of all ranks together.
absl::Status CheckStepCount(double steps);

}  // namespace edgetp
