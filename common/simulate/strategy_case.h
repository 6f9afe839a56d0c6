// What a strategy makes of a case that is to be simulated. Used by simulate_report. Pure.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "common/plan/strategy.h"
#include "common/simulate/forecast.h"

namespace edgetp {

// The plan of a case by `strategy` (absent: the ranks share one model), whose plan and speeds are
// those of the case.
// Errors: those of BuildStrategyPlan.
absl::StatusOr<StrategyPlan> PlanOf(const ForecastCase& forecast,
                                    const std::optional<StrategyOptions>& strategy);

// The case with the ranks that the plan has: `one` has the first device alone.
ForecastCase OfPlan(ForecastCase forecast, const StrategyPlan& strategy);

// Of what `forecast` says of a plan with several updates, what is of one: times and bytes. Counts
// stay.
void PerUpdate(int updates, Forecast* forecast);

}  // namespace edgetp
