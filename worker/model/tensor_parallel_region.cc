#include "worker/model/tensor_parallel_region.h"

#include <ATen/SequenceNumber.h>

#include <stdexcept>
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

torch::Tensor Reached(variable_list&& gradients) {
  torch::Tensor gradient = std::move(gradients[0]);
  if (!gradient.defined()) throw std::logic_error("F: no gradient reached a parallel region");
  return gradient;
}

CollectiveTag GradientTag(int layer) {
  return {TrafficClass::kActivationBackward, Phase::kBackward, layer};
}

// The backward of F. A plain Node and no torch::autograd::Function, whose wrapper keeps a second
// reference to the gradient: this one can sum in place.
class SumGradient : public torch::autograd::Node {
 public:
  SumGradient(ParallelContext& context, int layer) : context_(context), layer_(layer) {}

  variable_list apply(variable_list&& gradients) override {
    torch::Tensor gradient = TakeOwn(Reached(std::move(gradients)));
    if (!context_.products().defers()) {
      context_.AllReduce(GradientTag(layer_), gradient);
      return {std::move(gradient)};
    }
    SumUnderWay sum(context_, GradientTag(layer_), std::move(gradient));
    context_.products().Run();
    return {sum.Finish()};
  }

 private:
  ParallelContext& context_;
  const int layer_;
};

// The same in two nodes: the second one passes on what the first one has started.
class WaitForGradient : public torch::autograd::Node {
 public:
  explicit WaitForGradient(uint64_t sequence_number) : Node(sequence_number) {}

  void Hold(std::unique_ptr<SumUnderWay> sum) { sum_ = std::move(sum); }

  variable_list apply(variable_list&&) override { return {std::exchange(sum_, nullptr)->Finish()}; }

 private:
  std::unique_ptr<SumUnderWay> sum_;
};

class StartGradient : public torch::autograd::Node {
 public:
  // `wait` is the node after this one, which its edge keeps alive.
  StartGradient(ParallelContext& context, int layer, WaitForGradient* wait)
      : context_(context), layer_(layer), wait_(wait) {}

  variable_list apply(variable_list&& gradients) override {
    torch::Tensor gradient = TakeOwn(Reached(std::move(gradients)));
    wait_->Hold(StartGradientSum(gradient, context_, layer_));
    return {std::move(gradient)};  // nobody reads it before the wait
  }

 private:
  ParallelContext& context_;
  const int layer_;
  WaitForGradient* const wait_;
};

}  // namespace

torch::Tensor TakeOwn(torch::Tensor gradient) {
  return IsSoleOwner(gradient) ? gradient : gradient.clone(torch::MemoryFormat::Contiguous);
}

std::unique_ptr<SumUnderWay> StartGradientSum(const torch::Tensor& own, ParallelContext& context,
                                              int layer) {
  auto sum = std::make_unique<SumUnderWay>(context, GradientTag(layer), own);
  context.products().Run();
  return sum;
}

void LateGradients::Begin(size_t lag) {
  lag_ = lag;
  waits_.clear();
  for (size_t i = 1; i < lag; ++i) waits_.push_back(at::sequence_number::get_and_increment());
}

void LateGradients::NextRound() {
  if (!late()) return;
  waits_.push_back(at::sequence_number::get_and_increment());
  wait_number_ = waits_.front();
  waits_.pop_front();
}

torch::Tensor CopyToRegion(const torch::Tensor& x, ParallelContext& context, int layer,
                           const LateGradients& late) {
  if (context.world_size() == 1) return x;  // nobody to sum with
  torch::Tensor inside = x.detach();
  if (!torch::GradMode::is_enabled()) return inside;
  if (late.cut() != nullptr) {
    *late.cut() = {x, inside.requires_grad_(true)};
    return inside;
  }
  if (!late.late()) {
    auto node = MakeGraphNode<SumGradient>(context, layer);
    node->set_next_edges(torch::autograd::collect_next_edges(x));
    torch::autograd::create_gradient_edge(inside, std::move(node));
    return inside;
  }
  auto wait = MakeGraphNode<WaitForGradient>(late.wait_number());
  wait->set_next_edges(torch::autograd::collect_next_edges(x));
  wait->add_input_metadata(inside);
  auto start = MakeGraphNode<StartGradient>(context, layer, wait.get());
  start->set_next_edges({torch::autograd::Edge(std::move(wait), 0)});
  torch::autograd::create_gradient_edge(inside, std::move(start));
  return inside;
}

torch::Tensor ReduceFromRegion(torch::Tensor partial, ParallelContext& context,
                               const ForwardPass& pass, int layer) {
  // Autograd need not know: the derivative of the sum with respect to this rank's part is the
  // identity, which is what it does with a tensor whose memory changes under it.
  context.AllReduce({TrafficClass::kActivationForward, pass.phase, layer}, partial);
  return partial;
}

SumUnderWay::SumUnderWay(ParallelContext& context, const CollectiveTag& tag, torch::Tensor partial)
    : context_(context), partial_(std::move(partial)), pending_(context.Start(tag, partial_)) {}

SumUnderWay::~SumUnderWay() {
  if (!finished_) context_.Abandon(pending_);
}

torch::Tensor SumUnderWay::Finish() {
  finished_ = true;
  context_.Finish(pending_);
  return std::move(partial_);
}

std::unique_ptr<SumUnderWay> StartReduce(torch::Tensor partial, ParallelContext& context,
                                         const ForwardPass& pass, int layer) {
  return std::make_unique<SumUnderWay>(
      context, CollectiveTag{TrafficClass::kActivationForward, pass.phase, layer},
      std::move(partial));
}

}  // namespace edgetp
