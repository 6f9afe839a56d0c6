// From a run's config to what the simulator and `auto` take: in one place, so that whoever
// simulates a run or chooses for it assumes the same. Pure.
#pragma once

#include <vector>

#include "common/simulate/choose_algorithm.h"
#include "common/simulate/forecast.h"
#include "common/simulate/timeline.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// Of a run: one for all ranks, or one per rank; empty: the host as it is.
std::vector<DeviceOptions> DeviceOptionsOf(const v1::RunConfig& config);

// A run over `network`. Where it names no device, a message costs kHostMessageOverhead.
TimelineOptions ToTimelineOptions(const v1::RunConfig& config, NetworkOptions network);

// The same where profiles are resolved later, and many networks share a plan.
// Errors: those of ToPlanOptions.
absl::StatusOr<ForecastCase> ToForecastCase(const v1::RunConfig& config);

// What `auto` solves there, but for elements and wire format: rank 0's device stands for all.
AllReduceProblem ProblemOf(const TimelineOptions& options);

}  // namespace edgetp
