#include "worker/model/outer_step.h"

namespace edgetp {

void TakeOuterStep(const ReplicaOptions& options, ParallelContext& ranks, ParameterStore& store) {
  torch::NoGradGuard no_grad;
  const torch::Tensor values = store.values().detach();
  torch::Tensor common = store.common(), momentum = store.outer_momentum();
  torch::Tensor moved = store.gradients();  // which nobody needs any more
  torch::sub_out(moved, common, values);
  moved.mul_(1.0 / ranks.world_size());
  ranks.AllReduce({TrafficClass::kGradSync, Phase::kOptimizer, -1}, moved);
  momentum.mul_(options.outer_momentum).add_(moved);
  common.add_(moved, -options.outer_learning_rate)
      .add_(momentum, -options.outer_learning_rate * options.outer_momentum);
  values.copy_(common);
}

void BeginOuterSteps(ParameterStore& store) {
  torch::NoGradGuard no_grad;
  torch::Tensor(store.common()).copy_(store.values().detach());
  torch::Tensor(store.outer_momentum()).zero_();
}

}  // namespace edgetp
