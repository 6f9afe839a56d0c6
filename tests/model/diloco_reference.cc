#include "tests/model/diloco_reference.h"

namespace edgetp::test {

using torch::Tensor;

DiLoCoReference::DiLoCoReference(const TrainerOptions& options, int replicas,
                                 const std::vector<NamedTensor>& weights)
    : options_(options.replicas) {
  for (int i = 0; i < replicas; ++i) replicas_.emplace_back(options, 1, weights);
  for (const auto& [name, value] : replicas_[0].weights()) common_[name] = value.detach().clone();
}

double DiLoCoReference::InnerStep(int step, const std::vector<std::vector<TokenBatch>>& batches,
                                  double learning_rate) {
  double sum = 0;
  for (size_t i = 0; i < replicas_.size(); ++i)
    sum += replicas_[i].TrainStep(step, batches[i], learning_rate).loss;
  return sum / static_cast<double>(replicas_.size());
}

void DiLoCoReference::OuterStep() {
  for (auto& [name, theta] : common_) {
    Tensor gradient = torch::zeros_like(theta);
    for (const Reference& replica : replicas_)
      gradient = gradient + (theta - replica.weights().at(name).detach());
    gradient = gradient / static_cast<double>(replicas_.size());
    Tensor& buffer = momentum_[name];
    buffer = buffer.defined() ? options_.outer_momentum * buffer + gradient : gradient.clone();
    theta = theta - options_.outer_learning_rate * (gradient + options_.outer_momentum * buffer);
  }
  for (Reference& replica : replicas_) replica.SetWeights(common_);
}

}  // namespace edgetp::test
