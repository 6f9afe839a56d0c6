#include "worker/model/differentiable.h"

#include <utility>

#include "worker/model/graph_node.h"

namespace edgetp {
namespace {

using torch::autograd::variable_list;

class HandWritten : public torch::autograd::Node {
 public:
  explicit HandWritten(Backward backward) : backward_(std::move(backward)) {}

  variable_list apply(variable_list&& gradients) override {
    torch::Tensor gradient = std::move(gradients[0]);
    if (!gradient.defined()) throw std::logic_error("no gradient reached an operation");
    torch::Tensor result = backward_(std::move(gradient));
    return num_outputs() == 0 ? variable_list() : variable_list{std::move(result)};
  }

  void release_variables() override { backward_ = nullptr; }

 private:
  Backward backward_;
};

}  // namespace

torch::Tensor Differentiable(torch::Tensor result, const torch::Tensor& input, Backward backward) {
  if (!torch::GradMode::is_enabled()) return result;
  auto node = MakeGraphNode<HandWritten>(std::move(backward));
  if (input.defined()) node->set_next_edges(torch::autograd::collect_next_edges(input));
  torch::autograd::create_gradient_edge(result, std::move(node));
  return result;
}

}  // namespace edgetp
