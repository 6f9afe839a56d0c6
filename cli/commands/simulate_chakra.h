// edgetp simulate --chakra: a predicted step as execution traces for other simulators, in a folder of
// its own.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/plan/step_plan.h"
#include "common/simulate/simulate_report.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// Before anything starts: whether `plan` can be exported, and into `folder`, which must be empty. Makes
// it where it is not there yet.
// Errors: InvalidArgument naming the flag, the folder and the rule.
absl::Status PrepareChakra(const StepPlan& plan, const std::string& folder);

// Writes step.RANK.et for each rank and what AstraSimFiles names. `report`: of the same run, for the
// all-reduce that it uses and the names of its parts. PrepareChakra has let both pass.
// Errors: those of ResolveNetwork, and of the system, naming the path.
absl::Status ExportChakra(const ForecastCase& forecast, const StepPlan& plan,
                          const v1::SimulateReport& report, const std::string& folder);

}  // namespace edgetp
