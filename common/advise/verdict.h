// The answer of `edgetp advise` in a sentence. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/advise/candidates.h"
#include "edgetp/v1/advise.pb.h"

namespace edgetp {

// `report`: with its candidates. Where none fits, what the smallest need of a device alone is.
// Errors: those of BuildEvaluationPlan.
absl::StatusOr<std::string> VerdictOf(const AdviseProblem& problem, const v1::AdviseReport& report);

}  // namespace edgetp
