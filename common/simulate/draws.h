// A forecast over many draws of boards that differ: how much a step time depends on which boards one
// happens to have. Pure and deterministic.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "common/plan/step_plan.h"
#include "common/simulate/forecast.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

struct DrawOptions {
  int count = 0;  // 0: none
  // What is drawn although nobody asked for it: only where devices vary, and where about so many
  // events are enough for all draws.
  bool by_default = false;
};

// Enough for a spread; the p99 of so few is their maximum.
inline constexpr int kDefaultDraws = 20;
inline constexpr double kMaxDefaultDrawEvents = 2e5;

// Step times over the draws: p50 and p99 of each draw's median step. Jitter and loss are the same in
// each draw, so that boards alone make the difference: one draw without variability is `nominal`,
// the forecast of the boards as their profiles say. Absent where nothing is to be drawn.
// Errors: those of RunForecast.
absl::StatusOr<std::optional<v1::Variation>> DrawSteps(const ForecastCase& forecast,
                                                       const StepPlan& plan,
                                                       const Forecast& nominal,
                                                       const DrawOptions& options);

}  // namespace edgetp
