// What `edgetp plan --strategy` prints: what each rank does in a plan whose lists differ. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/plan/strategy.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// Layers, arithmetic, messages and memory by rank. Errors: those of BuildStrategyPlan.
absl::StatusOr<v1::StrategyPlanReport> BuildStrategyReport(const std::string& model,
                                                           const StrategyOptions& options);

// How a strategy uses the devices, but for times.
v1::StrategyUse UseOf(const StrategyOptions& options, const StrategyPlan& strategy);

}  // namespace edgetp
