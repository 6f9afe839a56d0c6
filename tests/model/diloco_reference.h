// Plain DiLoCo in one process and in double precision: replicas that are references by themselves,
// and the outer step over them. Shares no code with worker/model. Source: arXiv 2311.08105,
// algorithm 1, with Nesterov's momentum as torch.optim.SGD has it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tests/model/reference.h"

namespace edgetp::test {

class DiLoCoReference {
 public:
  // options.replicas says how the outer step is taken.
  DiLoCoReference(const TrainerOptions& options, int replicas,
                  const std::vector<NamedTensor>& weights);

  // Each replica on its own micro-batches. Returns the mean of their losses.
  double InnerStep(int step, const std::vector<std::vector<TokenBatch>>& batches,
                   double learning_rate);
  void OuterStep();

  const std::map<std::string, torch::Tensor>& weights(int replica) const {
    return replicas_[replica].weights();
  }

 private:
  const ReplicaOptions options_;
  std::vector<Reference> replicas_;
  std::map<std::string, torch::Tensor> common_;    // theta of the last outer step
  std::map<std::string, torch::Tensor> momentum_;  // empty before the first one
};

}  // namespace edgetp::test
