// What a trainer refuses, with the rule. Pure.
#pragma once

#include "absl/status/status.h"
#include "worker/model/trainer.h"

namespace edgetp {

// Errors: InvalidArgument naming the field.
absl::Status CheckOptions(const TrainerOptions& options);

// Errors: InvalidArgument (sizes, tokens outside the vocabulary).
absl::Status CheckBatch(const ModelShape& shape, const TokenBatch& batch);

}  // namespace edgetp
