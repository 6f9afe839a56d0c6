#include "worker/model/shards.h"

namespace edgetp {

torch::Tensor ShardView(const torch::Tensor& full, const ParameterSpec& spec, const Shard& shard) {
  if (!spec.sharded()) return full;
  const Range share = ShareOf(spec, shard);
  if (spec.split != ParameterSplit::kQkv)
    return full.narrow(SharedAxis(spec), spec.unit * share.begin, spec.unit * share.size());
  std::vector<int64_t> sizes = full.sizes().vec();
  const int64_t head_size = spec.unit / 3;
  const int64_t heads = sizes.back() / spec.unit;
  sizes.back() = 3;
  sizes.insert(sizes.end(), {heads, head_size});
  return full.view(sizes).narrow(-2, share.begin, share.size());
}

}  // namespace edgetp
