// Stages whose insides are not kept for the backward pass: it computes them again from what the
// stage has read. What a stage returns to be summed over ranks is kept once it is summed, in the
// stream, so that no sum is done twice: the collectives are those without recomputation, and so is
// every bit of the result. Source: Chen et al., arXiv 1604.06174; where to cut: Korthikanti et al.,
// arXiv 2205.05198.
#pragma once

#include "worker/model/block.h"
#include "worker/model/forward_pass.h"
#include "worker/model/torch.h"

namespace edgetp {

// Whether a stage has anything inside that is worth computing again.
inline bool IsComputedAgain(StagePart part) {
  return part != StagePart::kEnter && part != StagePart::kMerge;
}

// block.Compute. The block must outlive the graph. Throws what Compute throws, the backward pass
// too.
torch::Tensor ComputeAgainLater(const Block& block, StagePart part, ResidualStream& stream,
                                const ForwardPass& pass);

}  // namespace edgetp
