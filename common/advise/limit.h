// What takes the largest part of a candidate's step. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/advise/search.h"

namespace edgetp {

struct StepLimit {
  // compute (arithmetic), memory rate (compute that waits for memory traffic), wire rate
  // (serialization, and queueing behind it), delay (propagation, jitter), software (staging
  // included), slower ranks (stragglers).
  std::string name;
  double share = 0;  // of the mean step
};

// Errors: those of the plan.
absl::StatusOr<StepLimit> LimitOf(const AdviseProblem& problem, const AdvisedResult& result);

}  // namespace edgetp
