// Dropout whose masks depend on a key alone, so that a run repeats to the last bit. A replicated
// tensor gets the same mask on all ranks; a tensor inside a parallel region (or a rank-local
// stream) gets one per rank.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

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

// The masks of a micro-batch whose groups of rows are masked as they would be without groups. A
// group cannot draw its rows alone: a generator gives its numbers one after another, and where it
// stands at a row depends on how LibTorch draws. So the first group draws the whole mask, and the
// others share its memory.
class DropoutMasks {
 public:
  // Of the micro-batch: `sizes` with all its sequences, kept elements 1 / keep, others 0.
  torch::Tensor Whole(uint64_t key, double keep, const std::vector<int64_t>& sizes,
                      const torch::TensorOptions& options);
  // Nobody asks for it any more.
  void Drop(uint64_t key) { masks_.erase(key); }

  size_t size() const { return masks_.size(); }

 private:
  std::map<uint64_t, torch::Tensor> masks_;
};

// Shapes: any whose first axis is a multiple of the pass's sequences -> same. `layer` is -1 for the
// embedding. Returns `x` itself when the pass has no dropout.
torch::Tensor DropReplicated(const torch::Tensor& x, const ForwardPass& pass, int layer,
                             DropoutSite site);
torch::Tensor DropLocal(const torch::Tensor& x, const ForwardPass& pass, int layer,
                        DropoutSite site, int rank);

}  // namespace edgetp
