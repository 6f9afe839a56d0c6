// The simulator beside published measurements: what `edgetp validate` prints. Pure and deterministic.
#pragma once

#include "absl/status/statusor.h"
#include "edgetp/v1/published.pb.h"

namespace edgetp {

// Predicts every row of a source that keeps the rules of ValidatePublished. Rows with use "input"
// are predicted, too, from themselves: a fit that does not meet them is seen.
// Errors: those of row_prices.h and PredictBoards, with set and row.
absl::StatusOr<v1::ValidateSource> HoldAgainst(const v1::Published& published);

}  // namespace edgetp
