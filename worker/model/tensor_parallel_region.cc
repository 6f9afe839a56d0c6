#include "worker/model/tensor_parallel_region.h"

#include <utility>

#include "worker/model/graph_node.h"

namespace edgetp {
namespace {

using torch::autograd::variable_list;

// Nobody else can see the tensor's memory: autograd hands the same gradient to several nodes, and
// those share it.
bool IsSoleOwner(const torch::Tensor& tensor) {
  return tensor.is_contiguous() && tensor.use_count() == 1 && tensor.storage().use_count() == 1;
}

// The backward of F. A plain Node and no torch::autograd::Function, whose wrapper keeps a second
// reference to the gradient: this one can sum in place.
class SumGradient : public torch::autograd::Node {
 public:
  SumGradient(ParallelContext& context, int layer) : context_(context), layer_(layer) {}

  variable_list apply(variable_list&& gradients) override {
    torch::Tensor gradient = std::move(gradients[0]);
    if (!gradient.defined()) throw std::logic_error("F: no gradient reached a parallel region");
    if (!IsSoleOwner(gradient)) gradient = gradient.clone(torch::MemoryFormat::Contiguous);
    context_.AllReduceUnderProducts({TrafficClass::kActivationBackward, Phase::kBackward, layer_},
                                    gradient);
    return {std::move(gradient)};
  }

 private:
  ParallelContext& context_;
  const int layer_;
};

}  // namespace

torch::Tensor CopyToRegion(const torch::Tensor& x, ParallelContext& context, int layer) {
  if (context.world_size() == 1 || !torch::GradMode::is_enabled()) return x;
  auto node = MakeGraphNode<SumGradient>(context, layer);
  node->set_next_edges(torch::autograd::collect_next_edges(x));
  torch::Tensor inside = x.detach();
  torch::autograd::create_gradient_edge(inside, std::move(node));
  return inside;
}

torch::Tensor ReduceFromRegion(torch::Tensor partial, ParallelContext& context,
                               const ForwardPass& pass, int layer) {
  // Autograd need not know: the derivative of the sum with respect to this rank's part is the
  // identity, which is what it does with a tensor whose memory changes under it.
  context.AllReduce({TrafficClass::kActivationForward, pass.phase, layer}, partial);
  return partial;
}

}  // namespace edgetp
