// What the link model says that a run's steps should have taken: the same StepPlan, network, seed
// and algorithm as the run had, with the compute times of its device profiles, or else those that
// its ranks measured. Deterministic, but for where it is cut short.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "server/outputs.h"

namespace edgetp {

struct Prediction {
  double step_seconds = 0;                   // median over the steps of the run
  std::map<std::string, double> by_network;  // median of those under a profile, by its name
  int steps = 0;                             // that were simulated
};

// Whether a job consists of steps that can be predicted: training, and sampling token by token.
bool HasSteps(const v1::JobSpec& spec);

// True when the time for this share of the work is over.
using TimeIsUp = std::function<bool(double share)>;

// Steps on a virtual clock, kPredictedSteps at most, under the profiles that the run's steps name
// and in the same proportions. A step's profile is the one in force at its end; a change within a
// step is not simulated, nor is the wait for the end of a partition. When time is up, the steps so
// far count; a profile that has none then is without a prediction, and so is the whole run.
// Errors: FailedPrecondition if the run has not finished its steps; Internal if the measured
//   compute times do not fit the plan, or a step names an unknown profile; those of
//   RunPlans::Build, ResolveNetwork and TimelineSimulator.
absl::StatusOr<Prediction> PredictSteps(const EndedRun& ended, const TimeIsUp& time_is_up);

}  // namespace edgetp
