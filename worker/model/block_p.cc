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
  explicit BlockP(BlockParts parts) : w_(std::move(parts)) {}

  void Forward(ResidualStream& stream, const ForwardPass& pass) const override {
    if (w_.place.first_of_run)
      stream.local = stream.entered = CopyToRegion(stream.x, *w_.context, w_.layer);
    const torch::Tensor h = stream.local;                          // (B*T, C), rank-local
    const torch::Tensor attended = w_.attention(w_.ln1(h), pass);  // (B*T, C), partial
    const torch::Tensor expanded = w_.mlp(w_.ln2(h + attended));   // (B*T, C), partial
    const torch::Tensor z = DropLocal(attended + expanded, pass, w_.layer,
                                      DropoutSite::kBlockOutput, w_.context->rank());
    if (w_.place.last_of_run) {
      Merge(stream, z, pass);
    } else {
      stream.local = h + z;
    }
  }

 private:
  void Merge(ResidualStream& stream, const torch::Tensor& z, const ForwardPass& pass) const {
    const double share = 1.0 / w_.context->world_size();
    switch (w_.merge) {
      case MergeKind::kSumLast:
        stream.x = Reduce(torch::add(z, stream.local, share), pass);
        break;
      case MergeKind::kMean:
        stream.x = Reduce((stream.local + z) * share, pass);
        break;
      case MergeKind::kSum:
        stream.x = stream.x + Reduce(stream.local + z - stream.entered, pass);
        break;
    }
    stream.local = stream.entered = torch::Tensor();
  }

  torch::Tensor Reduce(torch::Tensor partial, const ForwardPass& pass) const {
    return ReduceFromRegion(std::move(partial), *w_.context, pass, w_.layer);
  }

  const BlockParts w_;
};

}  // namespace

std::unique_ptr<Block> MakeBlockP(BlockParts parts) {
  return std::make_unique<BlockP>(std::move(parts));
}

}  // namespace edgetp
