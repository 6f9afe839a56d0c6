// t: tensor-parallel, 2 sync points.
//   u = F(LN1 x); x1 = x + G(P_i(u)) + b_o; v = F(LN2 x1); out = x1 + G(M_i(v)) + b_2
// Source: Megatron-LM, arXiv 1909.08053.
//
// l: ladder, 2 sync points, each under way while the next stage is computed.
//   residual r, pending a and m (0 at first). Per block:
//   wait for a; r += a + b_o of its block; a = start the sum of P_i(F(LN1 r));
//   wait for m; r += m + b_2 of its block; m = start the sum of M_i(F(LN2 r))
// After the last block of a run: r += a + m and their biases. So attention misses the previous MLP,
// and the MLP its own attention: it is another model than t, on one worker, too.
// That is t with a slack of 1 (block_traits.cc): what a stage has started is taken in after the next
// one has started its own (region_walk.h). The backward pass is the exact adjoint, with the same
// slack. Source: Ladder Residual, arXiv 2501.06589.
//
// Dropout: on the replicated contributions, the same mask on all ranks.
#include <utility>

#include "worker/model/block.h"
#include "worker/model/dropout.h"
#include "worker/model/tensor_parallel_region.h"

namespace edgetp {
namespace {

class BlockT : public Block {
 public:
  using Block::Block;

  torch::Tensor Compute(StagePart part, ResidualStream& stream,
                        const ForwardPass& pass) const override {
    const bool attends = part == StagePart::kAttention;
    const LayerNorm& norm = attends ? w_.ln1 : w_.ln2;
    const torch::Tensor u =
        CopyToRegion(norm(stream.x), *w_.context, w_.layer, *stream.late_gradients);  // (B*T, C)
    return attends ? w_.attention(u, pass) : w_.mlp(u);  // (B*T, C), partial
  }

  void Finish(StagePart part, ResidualStream& stream, const torch::Tensor& sum,
              const ForwardPass& pass) const override {
    const bool attends = part == StagePart::kAttention;
    const torch::Tensor contribution = AddBias(sum, attends ? w_.attention_bias : w_.mlp_bias);
    const DropoutSite site = attends ? DropoutSite::kAttentionOutput : DropoutSite::kMlpOutput;
    stream.x = stream.x + DropReplicated(contribution, pass, w_.layer, site);
  }
};

}  // namespace

std::unique_ptr<Block> MakeBlockT(BlockParts parts) {
  return std::make_unique<BlockT>(std::move(parts));
}

}  // namespace edgetp
