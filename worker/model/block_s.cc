// s: sync-point drop, 1 sync point.
//   xf = F(x); P = P_i(LN1 xf); y = xf + P + b_o; Z = M_i(LN2 y); out = x + b_o + b_2 + G(Z + P)
// P enters the sum before the bias, else b_o would count once per rank.
// Source: SPD, arXiv 2502.20727.
#include <utility>

#include "worker/model/block.h"
#include "worker/model/dropout.h"
#include "worker/model/tensor_parallel_region.h"

namespace edgetp {
namespace {

class BlockS : public Block {
 public:
  explicit BlockS(BlockParts parts) : w_(std::move(parts)) {
    // b_o is used inside the region (its gradient is partial) and outside (the same on all ranks).
    // The gradient sync sums what each rank has, so the outer use may contribute on one rank only.
    const bool counts = w_.context->rank() == 0;
    if (w_.attention_bias.defined())
      outer_bias_ = counts ? w_.attention_bias : w_.attention_bias.detach();
  }

  torch::Tensor Compute(StagePart, ResidualStream& stream, const ForwardPass& pass) const override {
    const torch::Tensor inside =
        CopyToRegion(stream.x, *w_.context, w_.layer, *stream.late_gradients);  // (B*T, C)
    const torch::Tensor attended = w_.attention(w_.ln1(inside), pass);          // (B*T, C), partial
    const torch::Tensor y = AddBias(inside + attended, w_.attention_bias);      // rank-local
    const torch::Tensor expanded = w_.mlp(w_.ln2(y));                           // (B*T, C), partial
    return expanded + attended;
  }

  void Finish(StagePart, ResidualStream& stream, const torch::Tensor& sum,
              const ForwardPass& pass) const override {
    const torch::Tensor contribution = AddBias(AddBias(sum, outer_bias_), w_.mlp_bias);
    stream.x = stream.x + DropReplicated(contribution, pass, w_.layer, DropoutSite::kBlockOutput);
  }

 private:
  const BlockParts w_;
  torch::Tensor outer_bias_;
};

}  // namespace

std::unique_ptr<Block> MakeBlockS(BlockParts parts) {
  return std::make_unique<BlockS>(std::move(parts));
}

}  // namespace edgetp
