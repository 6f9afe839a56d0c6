#include "worker/model/gradient_buckets.h"

#include <algorithm>
#include <utility>

#include "worker/model/differentiable.h"

namespace edgetp {

void GradientBuckets::LeaveStage() {
  const CollectiveTag tag{TrafficClass::kGradSync, Phase::kBackward, -1};
  const int64_t complete = completed_.at(left_++), total = completed_.back();
  while (begin_ < total && complete >= std::min(begin_ + per_bucket_, total)) {
    const int64_t size = std::min(per_bucket_, total - begin_);
    under_way_.push_back(
        std::make_unique<SumUnderWay>(ranks_, tag, gradients_.narrow(0, begin_, size)));
    begin_ += size;
  }
}

void GradientBuckets::Finish() {
  LeaveStage();
  for (const std::unique_ptr<SumUnderWay>& sum : under_way_) sum->Finish();
  under_way_.clear();
}

// A node of its own before the stage: its gradient is there when all that the stage has computed
// with x is, the stage's own weights included.
torch::Tensor EnterStage(const torch::Tensor& x, GradientBuckets* buckets) {
  if (buckets == nullptr) return x;
  return Differentiable(x.detach(), x, [buckets](torch::Tensor gradient) {
    buckets->LeaveStage();
    return gradient;
  });
}

}  // namespace edgetp
