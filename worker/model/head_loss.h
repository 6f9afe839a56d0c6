// The cross-entropy of hidden @ table^T where the logits of all rows are never there at once: a chunk
// of rows at a time, forward and backward together. Used by Vocabulary where RowsOfLogits
// (common/plan/memory_rules.h) is less than all rows. On any device.
#pragma once

#include <cstdint>
#include <functional>

#include "common/plan/memory_rules.h"
#include "common/plan/shard_map.h"
#include "common/plan/step_plan.h"
#include "worker/model/torch.h"

namespace edgetp {

struct ChunkedHead {
  torch::Tensor table;       // (V/P, C): this rank's rows of the output matrix
  Range rows;                // of the vocabulary, that these are
  int64_t chunk = 1;         // rows whose logits are there at the same time
  double loss_gradient = 1;  // that the loss will get: the table's gradient is added at once
  Precision precision = Precision::kFp32;
  // Reduces three numbers per row over the ranks that share the vocabulary; null: nobody shares it.
  // These are all its calls: the maximum, and two sums, of all rows each. The gradient needs their
  // results, so each chunk's logits are computed twice.
  std::function<void(Reduction, const torch::Tensor& of_rows)> reduce;
};

// Mean over rows. The gradient of `hidden` is this rank's part of it.
// Shapes: hidden (rows, C), targets (rows) -> scalar.
torch::Tensor ChunkedLoss(const ChunkedHead& head, const torch::Tensor& hidden,
                          const torch::Tensor& targets);

}  // namespace edgetp
