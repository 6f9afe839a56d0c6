// What the link model says that a run's steps should have taken: the same StepPlan, network, seed
// and algorithm as the run had, with the compute times that its ranks measured. Pure;
// deterministic.
#pragma once

#include "absl/status/statusor.h"
#include "server/outputs.h"

namespace edgetp {

// Median step time in seconds over the first steps of the run on a virtual clock, all of them under
// the profile that was in force at the end. Errors: FailedPrecondition if the run is not finished
// training; Internal if the measured compute times do not fit the
//   plan; those of ToPlanOptions, ResolveNetwork and TimelineSimulator.
absl::StatusOr<double> PredictStepSeconds(const EndedRun& ended);

}  // namespace edgetp
