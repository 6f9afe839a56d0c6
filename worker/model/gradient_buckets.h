// The sum over replicas of a step's gradients (strategy `data`): bucket by bucket, while the
// backward pass of the last micro-batch goes on. The planner does the same
// (common/plan/data_parallel). One per step; used by one thread at a time, autograd's during
// backward().
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "worker/model/parallel_context.h"
#include "worker/model/tensor_parallel_region.h"
#include "worker/model/torch.h"

namespace edgetp {

class GradientBuckets {
 public:
  // `gradients`: flat, in the order in which the pass completes them. `completed`: how many of them
  // are complete when it leaves each stage (CompletedElements). `ranks` have a replica each. What
  // is passed must outlive this.
  GradientBuckets(const torch::Tensor& gradients, const std::vector<int64_t>& completed,
                  int64_t elements_per_bucket, ParallelContext* ranks)
      : gradients_(gradients),
        completed_(completed),
        per_bucket_(elements_per_bucket),
        ranks_(*ranks) {}

  // The pass has left its next stage, the head first: starts the buckets that this completes.
  // Throws CollectiveError.
  void LeaveStage();

  // After the pass, which ends with its last stage. Blocks until: all gradients are summed. Throws
  // CollectiveError. Without it, what was started is waited for at the end of this object's life.
  void Finish();

 private:
  const torch::Tensor& gradients_;
  const std::vector<int64_t>& completed_;
  const int64_t per_bucket_;
  ParallelContext& ranks_;
  size_t left_ = 0;    // stages
  int64_t begin_ = 0;  // of the next bucket
  std::vector<std::unique_ptr<SumUnderWay>> under_way_;
};

// x, as the stage reads it whose end in the backward pass is to be told to `buckets`. Null: x
// itself.
// Shapes: any -> same.
torch::Tensor EnterStage(const torch::Tensor& x, GradientBuckets* buckets);

}  // namespace edgetp
