// Dropout whose masks depend on a key alone, so that a run repeats to the last bit. A replicated
// tensor gets the same mask on all ranks; a tensor inside a parallel region (or a rank-local
// stream) gets one per rank.
#pragma once

#include "worker/model/forward_pass.h"
#include "worker/model/torch.h"

namespace edgetp {

enum class DropoutSite {
  kEmbedding,
  kAttentionWeights,
  kAttentionOutput,
  kMlpOutput,
  kBlockOutput
};

// Shapes: any whose first axis is a multiple of the pass's sequences -> same. `layer` is -1 for the embedding. Returns `x` itself when the pass has no
// dropout.
torch::Tensor DropReplicated(const torch::Tensor& x, const ForwardPass& pass, int layer,
                             DropoutSite site);
torch::Tensor DropLocal(const torch::Tensor& x, const ForwardPass& pass, int layer,
                        DropoutSite site, int rank);

}  // namespace edgetp
