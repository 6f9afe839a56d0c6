// t@p: tensor-parallel over a share of the channels, 2 sync points of p * S bytes, and one of
// (1-p) * S per run of R blocks.
//   x_i = [s, q_i]: the first floor(p C) channels s are replicated, the others q_i this rank's own.
//   y_i is P_i(LN1 [F(s), q_i]) or M_i(LN2 [F(s), q_i]), b is b_o or b_2:
//   s += G(y_i[..floor(p C)]) + b[..floor(p C)]; q_i += sqrt(n) y_i[floor(p C)..] + b[floor(p C)..]
// A run begins with q_i = F(q), and ends with q = G(q_i / n), the mean over ranks. The factor sqrt(n)
// keeps the size that a sum of n independent parts has; the backward pass is the exact adjoint, so its
// gradients have it, too.
// Norms work on a rank's own x_i, and biases partly on its own channels: their gradients are partial.
// The shared half of a bias counts on rank 0 alone.
// Dropout: shared channels have the same mask on all ranks, own channels one per rank.
// Source: CAAT-Net, arXiv 2506.19645.
#include <cmath>
#include <utility>

#include "worker/model/block.h"
#include "worker/model/dropout.h"
#include "worker/model/tensor_parallel_region.h"

namespace edgetp {
namespace {

class BlockTPartial : public Block {
 public:
  explicit BlockTPartial(BlockParts parts)
      : Block(std::move(parts)),
        channels_(w_.ln1.weight.size(0)),
        shared_(CountOf(Channels::kShared, w_.place, channels_)),
        scale_(std::sqrt(static_cast<double>(w_.context->world_size()))) {}

  torch::Tensor Compute(StagePart part, ResidualStream& stream,
                        const ForwardPass& pass) const override {
    switch (part) {
      case StagePart::kEnter:
        stream.local = CopyToRegion(Own(stream.x), *w_.context, w_.layer, *stream.late_gradients);
        stream.x = Shared(stream.x);
        return {};
      case StagePart::kMerge:
        return stream.local * (1.0 / w_.context->world_size());
      default:
        return Module(part, stream, pass);
    }
  }

  void Finish(StagePart part, ResidualStream& stream, const torch::Tensor& sum,
              const ForwardPass& pass) const override {
    if (part == StagePart::kMerge) {
      stream.x = torch::cat({stream.x, sum}, 1);  // (B*T, C), replicated
      stream.local = torch::Tensor();
      return;
    }
    torch::Tensor bias = BiasOf(part);
    if (bias.defined()) bias = w_.context->rank() == 0 ? Shared(bias) : Shared(bias).detach();
    stream.x =
        stream.x + DropReplicated(AddBias(sum, bias), pass, w_.layer, SiteOf(part));  // (B*T, pC)
  }

 private:
  torch::Tensor Module(StagePart part, ResidualStream& stream, const ForwardPass& pass) const {
    const torch::Tensor shared =
        CopyToRegion(stream.x, *w_.context, w_.layer, *stream.late_gradients);  // (B*T, pC)
    const torch::Tensor x = torch::cat({shared, stream.local}, 1);              // (B*T, C)
    const torch::Tensor y = part == StagePart::kAttention ? w_.attention(w_.ln1(x), pass)
                                                          : w_.mlp(w_.ln2(x));  // partial
    torch::Tensor own = Own(y) * scale_;                                        // (B*T, C - pC)
    if (BiasOf(part).defined()) own = own + Own(BiasOf(part));
    stream.local = stream.local + DropLocal(own, pass, w_.layer, SiteOf(part), w_.context->rank());
    return Shared(y).clone(torch::MemoryFormat::Contiguous);
  }

  const torch::Tensor& BiasOf(StagePart part) const {
    return part == StagePart::kAttention ? w_.attention_bias : w_.mlp_bias;
  }

  static DropoutSite SiteOf(StagePart part) {
    return part == StagePart::kAttention ? DropoutSite::kAttentionOutput : DropoutSite::kMlpOutput;
  }

  // The first and the other channels, the last axis of `x`.
  torch::Tensor Shared(const torch::Tensor& x) const { return x.narrow(-1, 0, shared_); }
  torch::Tensor Own(const torch::Tensor& x) const {
    return x.narrow(-1, shared_, channels_ - shared_);
  }

  const int64_t channels_;
  const int64_t shared_;
  const double scale_;
};

}  // namespace

std::unique_ptr<Block> MakeBlockTPartial(BlockParts parts) {
  return std::make_unique<BlockTPartial>(std::move(parts));
}

}  // namespace edgetp
