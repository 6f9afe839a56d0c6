// Host memory through which an accelerator's tensors are exchanged: buffers that are lent and come
// back, because pinning memory takes longer than copying into it. As many as were lent at once.
// Used by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "worker/model/torch.h"

namespace edgetp {

class StagingPool {
 public:
  // `options`: of the memory; pinned where there is an accelerator.
  explicit StagingPool(const torch::TensorOptions& options) : options_(options) {}

  // A buffer of at least so many elements: the smallest that is free and large enough. Else a new
  // one takes the place of the largest that is free.
  // Shapes: -> (elements or more).
  torch::Tensor Take(int64_t elements);
  // Whoever has a buffer and throws just drops it.
  void Return(torch::Tensor buffer) { free_.push_back(std::move(buffer)); }

  size_t free() const { return free_.size(); }

 private:
  const torch::TensorOptions options_;
  std::vector<torch::Tensor> free_;
};

}  // namespace edgetp
