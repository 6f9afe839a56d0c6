// t: tensor-parallel, 2 sync points.
//   u = F(LN1 x); x1 = x + G(P_i(u)) + b_o; v = F(LN2 x1); out = x1 + G(M_i(v)) + b_2
// Source: Megatron-LM, arXiv 1909.08053.
#include <utility>

#include "worker/model/block.h"
#include "worker/model/dropout.h"
#include "worker/model/tensor_parallel_region.h"

namespace edgetp {
namespace {

class BlockT : public Block {
 public:
  explicit BlockT(BlockParts parts) : w_(std::move(parts)) {}

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

 private:
  const BlockParts w_;
};

}  // namespace

std::unique_ptr<Block> MakeBlockT(BlockParts parts) {
  return std::make_unique<BlockT>(std::move(parts));
}

}  // namespace edgetp
