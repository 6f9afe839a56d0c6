// s: sync-point drop, 1 sync point.
//   xf = F(x); P = P_i(LN1 xf); y = xf + P + b_o; Z = M_i(LN2 y); out = x + b_o + b_2 + G(Z + P)
// P enters the sum before the bias, else b_o would count once per rank.
// Source: SPD, arXiv 2502.20727.
//
// d: desync residual, 1 sync point: the attention's mean over ranks is added, not its sum.
//   y_i = x + P_i(LN1 x) + b_o; out = G(M_i(LN2 y_i) + y_i / n) + b_2
//       = x + b_o + b_2 + G(M_i(LN2 y_i) + P_i / n)
// The second form is what is computed: the stream itself does not travel, so a narrow wire format
// cannot wear it out. So it is s with a share of P.
// Source: Desync Residual, of the authors of Ladder Residual, arXiv 2501.06589.
//
// Dropout: on the replicated contribution, the same mask on all ranks.
#include <utility>

#include "worker/model/block.h"
#include "worker/model/dropout.h"
#include "worker/model/tensor_parallel_region.h"

namespace edgetp {
namespace {

class BlockS : public Block {
 public:
  // `attention_share`: of P in the sum.
  BlockS(BlockParts parts, double attention_share)
      : Block(std::move(parts)), attention_share_(attention_share) {
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
    return torch::add(expanded, attended, attention_share_);
  }

  void Finish(StagePart, ResidualStream& stream, const torch::Tensor& sum,
              const ForwardPass& pass) const override {
    const torch::Tensor contribution = AddBias(AddBias(sum, outer_bias_), w_.mlp_bias);
    stream.x = stream.x + DropReplicated(contribution, pass, w_.layer, DropoutSite::kBlockOutput);
  }

 private:
  const double attention_share_;
  torch::Tensor outer_bias_;
};

}  // namespace

std::unique_ptr<Block> MakeBlockS(BlockParts parts) {
  return std::make_unique<BlockS>(std::move(parts), 1.0);
}

std::unique_ptr<Block> MakeBlockD(BlockParts parts) {
  const double share = 1.0 / parts.context->world_size();
  return std::make_unique<BlockS>(std::move(parts), share);
}

}  // namespace edgetp
