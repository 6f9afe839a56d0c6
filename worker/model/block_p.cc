// p: parallel, 1 sync point per maximal run of R blocks.
//   h = F(x) once for the run; then in each block
//   P = P_i(LN1 h); z = P + M_i(LN2(h + P)); h += z
// The last block of the run merges the ranks' streams instead of adding z to its own:
//   SUM_LAST  out = G(h / world_size + z)    mean of the streams (without z), sum of the z
//   MEAN      out = G((h + z) / world_size)  mean of the streams, z included
//   SUM       out = x + G(h + z - F(x))      x, and the sum of all that the ranks added to it
// There are no output biases.
#include <utility>

#include "worker/model/block.h"
#include "worker/model/dropout.h"
#include "worker/model/tensor_parallel_region.h"

namespace edgetp {
namespace {

class BlockP : public Block {
 public:
  using Block::Block;

  torch::Tensor Compute(StagePart, ResidualStream& stream, const ForwardPass& pass) const override {
    if (w_.place.first_of_run)
      stream.local = stream.entered =
          CopyToRegion(stream.x, *w_.context, w_.layer, *stream.late_gradients);
    const torch::Tensor h = stream.local;                          // (B*T, C), rank-local
    const torch::Tensor attended = w_.attention(w_.ln1(h), pass);  // (B*T, C), partial
    const torch::Tensor expanded = w_.mlp(w_.ln2(h + attended));   // (B*T, C), partial
    const torch::Tensor z = DropLocal(attended + expanded, pass, w_.layer,
                                      DropoutSite::kBlockOutput, w_.context->rank());
    if (w_.place.last_of_run) return ToMerge(stream, z);
    stream.local = h + z;
    return {};
  }

  void Finish(StagePart, ResidualStream& stream, const torch::Tensor& sum,
              const ForwardPass&) const override {
    stream.x = w_.merge == MergeKind::kSum ? stream.x + sum : sum;
    stream.local = stream.entered = torch::Tensor();
  }

 private:
  // This rank's part of the sum that makes the streams one.
  torch::Tensor ToMerge(const ResidualStream& stream, const torch::Tensor& z) const {
    const double share = 1.0 / w_.context->world_size();
    switch (w_.merge) {
      case MergeKind::kSumLast:
        return torch::add(z, stream.local, share);
      case MergeKind::kMean:
        return (stream.local + z) * share;
      case MergeKind::kSum:
        break;
    }
    return stream.local + z - stream.entered;
  }
};

}  // namespace

std::unique_ptr<Block> MakeBlockP(BlockParts parts) {
  return std::make_unique<BlockP>(std::move(parts));
}

}  // namespace edgetp
