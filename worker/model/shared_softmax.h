// The cross-entropy of logits whose columns are spread over ranks: each rank computes with its own,
// and three numbers per row are reduced over the ranks; no rank ever has a whole row. Source:
// Megatron-LM, arXiv 1909.08053, section 3. Pure but for tensors; on any device.
#pragma once

#include "common/plan/shard_map.h"
#include "worker/model/torch.h"

namespace edgetp {

// What a rank's columns say of each row.
// Shapes: (rows) each.
struct RowParts {
  torch::Tensor largest;  // logit
  torch::Tensor target;   // its logit; 0 where the target is another rank's
  torch::Tensor sum;      // of exponentials of what lies below `largest`
};

// Overwrites `logits` by exp(logits - largest).
// Shapes: logits (rows, columns of `own`), targets (rows), numbers of the whole vocabulary.
RowParts TakeExponentials(const torch::Tensor& logits, const torch::Tensor& targets,
                          const Range& own);

// From exponentials to the gradient of the logits: each row times its factor, minus `share` at its
// target, if that is here.
// Shapes: as above; factors (rows).
void ExponentialsToGradient(const torch::Tensor& exponentials, const torch::Tensor& targets,
                            const Range& own, const torch::Tensor& factors, float share);

// The same two by LibTorch's operations alone: what accelerators do.
RowParts TakeExponentialsOnDevice(const torch::Tensor& logits, const torch::Tensor& targets,
                                  const Range& own);
void ExponentialsToGradientOnDevice(const torch::Tensor& exponentials, const torch::Tensor& targets,
                                    const Range& own, const torch::Tensor& factors, float share);

}  // namespace edgetp
