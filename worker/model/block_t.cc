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

  void Forward(ResidualStream& stream, const ForwardPass& pass) const override {
    const torch::Tensor u = CopyToRegion(w_.ln1(stream.x), *w_.context, w_.layer);  // (B*T, C)
    const torch::Tensor attended =
        ReduceFromRegion(w_.attention(u, pass), *w_.context, pass, w_.layer);
    const torch::Tensor x1 =
        Add(stream.x, attended, w_.attention_bias, pass, DropoutSite::kAttentionOutput);
    const torch::Tensor v = CopyToRegion(w_.ln2(x1), *w_.context, w_.layer);
    const torch::Tensor expanded = ReduceFromRegion(w_.mlp(v), *w_.context, pass, w_.layer);
    stream.x = Add(x1, expanded, w_.mlp_bias, pass, DropoutSite::kMlpOutput);
  }

 private:
  torch::Tensor Add(const torch::Tensor& x, const torch::Tensor& contribution,
                    const torch::Tensor& bias, const ForwardPass& pass, DropoutSite site) const {
    return x + DropReplicated(AddBias(contribution, bias), pass, w_.layer, site);
  }

  const BlockParts w_;
};

}  // namespace

std::unique_ptr<Block> MakeBlockT(BlockParts parts) {
  return std::make_unique<BlockT>(std::move(parts));
}

}  // namespace edgetp
