#include "worker/model/staging_pool.h"

#include <algorithm>
#include <utility>

namespace edgetp {

torch::Tensor StagingPool::Take(int64_t elements) {
  const auto smaller = [](const torch::Tensor& a, const torch::Tensor& b) {
    return a.numel() < b.numel();
  };
  std::sort(free_.begin(), free_.end(), smaller);
  const auto fits = std::find_if(free_.begin(), free_.end(), [elements](const torch::Tensor& t) {
    return t.numel() >= elements;
  });
  if (fits == free_.end()) {
    if (!free_.empty()) free_.pop_back();
    return torch::empty({elements}, options_);
  }
  torch::Tensor buffer = std::move(*fits);
  free_.erase(fits);
  return buffer;
}

}  // namespace edgetp
