// Do all ranks hold the same replicated parameters? A silent difference would make the ranks train
// different models.
#pragma once

#include "absl/status/status.h"
#include "worker/model/parallel_context.h"
#include "worker/model/parameter_store.h"

namespace edgetp {

// Compares a hash of every replicated parameter, bit by bit, in one all-reduce of class control.
// Errors: Internal naming the first tensor that differs and the ranks; the same on all ranks.
// Throws CollectiveError.
absl::Status CompareReplicas(const ParameterStore& store, ParallelContext& context, int step);

}  // namespace edgetp
