// d: desync residual, 1 sync point.
//   y_i = x + P_i(LN1 x) + b_o; out = G(M_i(LN2 y_i) + y_i / n) + b_2
//       = x + b_o + b_2 + G(M_i(LN2 y_i) + P_i / n)
// The attention's mean over ranks is added, not its sum. The second form is what is computed: the
// stream itself does not travel, so a narrow wire format cannot wear it out.
// Both norms and the inner use of b_o work on a rank's own y_i, so their gradients are partial; its
// outer use counts on rank 0 alone, as in s.
// Dropout is that of s: on the replicated contribution, the same mask on all ranks.
// Source: Desync Residual, of the authors of Ladder Residual, arXiv 2501.06589.
#include <utility>

#include "worker/model/block.h"
#include "worker/model/dropout.h"
#include "worker/model/tensor_parallel_region.h"

namespace edgetp {
namespace {

class BlockD : public Block {
 public:
  explicit BlockD(BlockParts parts) : w_(std::move(parts)) {
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
    return torch::add(expanded, attended, 1.0 / w_.context->world_size());
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

std::unique_ptr<Block> MakeBlockD(BlockParts parts) {
  return std::make_unique<BlockD>(std::move(parts));
}

}  // namespace edgetp
