// t~k: tensor-parallel with sums that arrive k modules late, 2 sync points.
//   module m of a run, on rank i: x_i += y_i^m + b^m + sum over j != i of y_j^(m-k)
// where y_i^m is P_i(LN1 x_i) or M_i(LN2 x_i), and b^m is b_o or b_2. Own part and bias at once, the
// others' parts k modules later; at the end of the run all that is pending.
// A rank keeps r, the sum of all that has arrived, and its own k parts that have not:
//   x_i = F(r) + y_i^(m-k) + ... + y_i^(m-1)
// r is made of the same sums in the same order everywhere, so that it has the same bits on all ranks,
// and after the run x is r. F sums the gradient of a module's input, which the modules k before it and
// earlier get: the exact adjoint, with the same slack. Both norms work on a rank's own x_i, so
// their gradients are partial; the biases are added to r, so theirs are not.
// Dropout is that of t: one mask per module, the same on all ranks, on each part and on the bias.
// Source: Delayed tensor parallelism, arXiv 2609.13846.
#include <utility>

#include "worker/model/block.h"
#include "worker/model/dropout.h"
#include "worker/model/tensor_parallel_region.h"

namespace edgetp {
namespace {

class BlockTDelayed : public Block {
 public:
  using Block::Block;

  torch::Tensor Compute(StagePart part, ResidualStream& stream,
                        const ForwardPass& pass) const override {
    const bool attends = part == StagePart::kAttention;
    torch::Tensor x =
        CopyToRegion(stream.x, *w_.context, w_.layer, *stream.late_gradients);  // (B*T, C)
    for (const torch::Tensor& own : stream.pending) x = x + own;                // rank-local
    const torch::Tensor y =
        attends ? w_.attention(w_.ln1(x), pass) : w_.mlp(w_.ln2(x));  // (B*T, C), partial
    stream.pending.push_back(DropReplicated(y, pass, w_.layer, SiteOf(part)));
    return stream.pending.back().clone();  // the sum overwrites it
  }

  void Leave(StagePart part, ResidualStream& stream, const ForwardPass& pass) const override {
    const torch::Tensor& bias = part == StagePart::kAttention ? w_.attention_bias : w_.mlp_bias;
    if (!bias.defined()) return;
    const torch::Tensor rows = bias.expand_as(stream.x);  // (B*T, C)
    stream.x = stream.x + DropReplicated(rows, pass, w_.layer, SiteOf(part));
  }

  void Finish(StagePart, ResidualStream& stream, const torch::Tensor& sum,
              const ForwardPass&) const override {
    stream.x = stream.x + sum;
    stream.pending.pop_front();
  }

 private:
  static DropoutSite SiteOf(StagePart part) {
    return part == StagePart::kAttention ? DropoutSite::kAttentionOutput : DropoutSite::kMlpOutput;
  }
};

}  // namespace

std::unique_ptr<Block> MakeBlockTDelayed(BlockParts parts) {
  return std::make_unique<BlockTDelayed>(std::move(parts));
}

}  // namespace edgetp
