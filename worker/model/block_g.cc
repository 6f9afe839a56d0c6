// g: attention and MLP side by side, 1 sync point.
//   u = F(LN1 x); out = x + b_o + b_2 + G(P_i(u) + M_i(u))
// There is one norm: ln_2 is no parameter of such a block. Both biases are added after the sum, so
// they count once. What enters the region is replicated, so no gradient is partial.
// Dropout is that of s: on the replicated contribution, the same mask on all ranks.
// Source: GPT-J and PaLM, arXiv 2204.02311, section 2.
#include <utility>

#include "worker/model/block.h"
#include "worker/model/dropout.h"
#include "worker/model/tensor_parallel_region.h"

namespace edgetp {
namespace {

class BlockG : public Block {
 public:
  using Block::Block;

  torch::Tensor Compute(StagePart, ResidualStream& stream, const ForwardPass& pass) const override {
    const torch::Tensor u =
        CopyToRegion(w_.ln1(stream.x), *w_.context, w_.layer, *stream.late_gradients);  // (B*T, C)
    return w_.attention(u, pass) + w_.mlp(u);  // (B*T, C), partial
  }

  void Finish(StagePart, ResidualStream& stream, const torch::Tensor& sum,
              const ForwardPass& pass) const override {
    const torch::Tensor contribution = AddBias(AddBias(sum, w_.attention_bias), w_.mlp_bias);
    stream.x = stream.x + DropReplicated(contribution, pass, w_.layer, DropoutSite::kBlockOutput);
  }
};

}  // namespace

std::unique_ptr<Block> MakeBlockG(BlockParts parts) {
  return std::make_unique<BlockG>(std::move(parts));
}

}  // namespace edgetp
