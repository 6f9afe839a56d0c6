#include "worker/model/recomputation.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "worker/model/graph_node.h"
#include "worker/model/tensor_parallel_region.h"

namespace edgetp {
namespace {

using torch::autograd::Node;
using torch::autograd::variable_list;

// A stream's tensors, some of which are undefined: x, entered, local, then those that are pending.
constexpr size_t kPlaces = 3;

variable_list TensorsOf(const ResidualStream& stream) {
  variable_list tensors = {stream.x, stream.entered, stream.local};
  tensors.insert(tensors.end(), stream.pending.begin(), stream.pending.end());
  return tensors;
}

void PutBack(const variable_list& tensors, ResidualStream* stream) {
  stream->x = tensors[0];
  stream->entered = tensors[1];
  stream->local = tensors[2];
  stream->pending.assign(tensors.begin() + kPlaces, tensors.end());
}

// The same memory, without a graph: as leaves of a new one where `leaves`.
variable_list Detached(const variable_list& tensors, bool leaves) {
  variable_list detached;
  for (const torch::Tensor& tensor : tensors) {
    detached.push_back(tensor.defined() ? tensor.detach() : torch::Tensor());
    if (tensor.defined() && leaves) detached.back().set_requires_grad(true);
  }
  return detached;
}

// The parameters of a block whose gradients autograd hands on; the others' are added where they
// accumulate, by whoever uses them.
variable_list ParametersOf(const BlockParts& parts) {
  variable_list parameters;
  for (const torch::Tensor& parameter : {parts.ln1.weight, parts.ln1.bias, parts.ln2.weight,
                                         parts.ln2.bias, parts.attention_bias, parts.mlp_bias}) {
    if (parameter.defined() && parameter.requires_grad()) parameters.push_back(parameter);
  }
  return parameters;
}

// A stage as a function of tensors.
struct StageFunction {
  const Block* block;
  StagePart part;
  ForwardPass pass;

  // A stream's tensors -> what is to be summed, then the stream's tensors after the stage.
  variable_list Run(const variable_list& inputs, const LateGradients& late) const {
    ResidualStream stream;
    PutBack(inputs, &stream);
    stream.late_gradients = &late;
    variable_list outputs = {block->Compute(part, stream, pass)};
    const variable_list after = TensorsOf(stream);
    outputs.insert(outputs.end(), after.begin(), after.end());
    return outputs;
  }
};

// Where `tensor` itself stands in `list`; its size: nowhere.
size_t Find(const torch::Tensor& tensor, const variable_list& list) {
  const auto same = [&](const torch::Tensor& other) { return other.is_same(tensor); };
  return static_cast<size_t>(std::find_if(list.begin(), list.end(), same) - list.begin());
}

// What a stage passes on, under another name. Without other ranks, F is nothing but its input: so
// whatever else reads that input must get it from the stage's node, for its gradients to be added in
// the order in which they are without recomputation.
void Rename(const variable_list& inputs, variable_list* outputs) {
  for (torch::Tensor& output : *outputs) {
    if (output.defined() && Find(output, inputs) < inputs.size()) output = output.detach();
  }
}

// The places of what a stage has made. The others pass on what it was given, or repeat one of these.
std::vector<size_t> Made(const variable_list& outputs, const variable_list& inputs) {
  std::vector<size_t> made;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].defined() && Find(outputs[i], inputs) == inputs.size() &&
        Find(outputs[i], outputs) == i)
      made.push_back(i);
  }
  return made;
}

// A root of a backward pass, with the gradients that have reached it.
struct Roots {
  variable_list tensors;
  variable_list gradients;
};

// Gradients of `wanted`, undefined where nothing leads there or nothing is wanted. Whatever else lies
// on the way adds to its gradient as ever.
variable_list Gradients(const Roots& roots, const variable_list& wanted) {
  variable_list defined;
  for (const torch::Tensor& tensor : wanted) {
    if (tensor.defined()) defined.push_back(tensor);
  }
  variable_list found =
      torch::autograd::grad(roots.tensors, defined, roots.gradients, /*retain_graph=*/c10::nullopt,
                            /*create_graph=*/false, /*allow_unused=*/true);
  variable_list gradients(wanted.size());
  for (size_t i = 0, next = 0; i < wanted.size(); ++i) {
    if (wanted[i].defined()) gradients[i] = std::move(found[next++]);
  }
  return gradients;
}

// What both kinds of nodes do: compute a stage once more, with a graph.
class Recomputation {
 public:
  Recomputation(StageFunction stage, variable_list inputs, std::vector<size_t> made)
      : stage_(std::move(stage)),
        inputs_(std::move(inputs)),
        made_(std::move(made)),
        parameters_(ParametersOf(stage_.block->parts())) {}

  // `gradients`: of what the stage has made. Fills *wanted: the leaves that stand for what the stage
  // reads, then the block's parameters.
  Roots Again(variable_list&& gradients, const LateGradients& late, variable_list* wanted) const {
    torch::AutoGradMode with_graph(true);
    *wanted = Detached(inputs_, /*leaves=*/true);
    const variable_list outputs = stage_.Run(*wanted, late);
    wanted->insert(wanted->end(), parameters_.begin(), parameters_.end());
    Roots roots;
    for (size_t i = 0; i < made_.size(); ++i) {
      if (!gradients[i].defined()) continue;
      roots.tensors.push_back(outputs[made_[i]]);
      roots.gradients.push_back(std::move(gradients[i]));
    }
    return roots;
  }

  // From a node to whatever made `outer`, what the stage reads, and to the parameters.
  torch::autograd::edge_list Edges(const variable_list& outer) const {
    torch::autograd::edge_list edges;
    for (const variable_list* list : {&outer, &parameters_}) {
      for (const torch::Tensor& tensor : *list) {
        edges.push_back(tensor.defined() ? torch::autograd::impl::gradient_edge(tensor)
                                         : torch::autograd::Edge());
      }
    }
    return edges;
  }

  ParallelContext& context() const { return *stage_.block->parts().context; }
  std::ptrdiff_t inputs() const { return static_cast<std::ptrdiff_t>(inputs_.size()); }
  int layer() const { return stage_.block->parts().layer; }
  void Release() { inputs_.clear(); }

 private:
  const StageFunction stage_;
  variable_list inputs_;
  const std::vector<size_t> made_;
  const variable_list parameters_;
};

class ComputeAgain : public Node {
 public:
  explicit ComputeAgain(Recomputation recomputation) : again_(std::move(recomputation)) {}

  variable_list apply(variable_list&& gradients) override {
    variable_list wanted;
    const Roots roots = again_.Again(std::move(gradients), LateGradients(), &wanted);
    return Gradients(roots, wanted);
  }

  void release_variables() override { again_.Release(); }

 private:
  Recomputation again_;
};

// The part of a stage before F, of which the sum of its gradient comes late. It reads the stream
// itself, and none of the own parts that wait for theirs.
class BeforeRegion : public Node {
 public:
  explicit BeforeRegion(uint64_t sequence_number) : Node(sequence_number) {}

  void Hold(std::unique_ptr<SumUnderWay> sum, torch::Tensor outside, variable_list wanted) {
    sum_ = std::move(sum);
    outside_ = std::move(outside);
    wanted_ = std::move(wanted);
  }

  variable_list apply(variable_list&&) override {
    const Roots roots{{std::exchange(outside_, {})}, {std::exchange(sum_, nullptr)->Finish()}};
    return Gradients(roots, std::exchange(wanted_, {}));
  }

 private:
  std::unique_ptr<SumUnderWay> sum_;
  torch::Tensor outside_;
  variable_list wanted_;
};

// The part from F on. It hands on at once the gradients that do not go through F: whoever made what
// they are for must not wait for a sum.
class ComputeAgainFromRegion : public Node {
 public:
  // `before` is the node after this one, which its last edge keeps alive.
  ComputeAgainFromRegion(Recomputation recomputation, BeforeRegion* before)
      : again_(std::move(recomputation)), before_(before) {}

  variable_list apply(variable_list&& gradients) override {
    RegionCut cut;
    variable_list wanted;
    const Roots roots = again_.Again(std::move(gradients), LateGradients::CutAt(&cut), &wanted);
    wanted.push_back(cut.inside);
    variable_list results = Gradients(roots, wanted);
    wanted.pop_back();
    wanted.erase(wanted.begin() + kPlaces, wanted.begin() + again_.inputs());
    results.back() = TakeOwn(std::move(results.back()));
    before_->Hold(StartGradientSum(results.back(), again_.context(), again_.layer()),
                  std::move(cut.outside), std::move(wanted));
    return results;
  }

  void release_variables() override { again_.Release(); }

 private:
  Recomputation again_;
  BeforeRegion* const before_;
};

// Makes `outputs` the results of a new node.
template <typename Pointer>
void Join(const variable_list& outputs, const std::vector<size_t>& made, const Pointer& node) {
  for (const size_t place : made) {
    torch::Tensor output = outputs[place];
    torch::autograd::create_gradient_edge(output, node);
  }
}

}  // namespace

torch::Tensor ComputeAgainLater(const Block& block, StagePart part, ResidualStream& stream,
                                const ForwardPass& pass) {
  const variable_list outer = TensorsOf(stream);
  variable_list inputs = Detached(outer, /*leaves=*/false);
  StageFunction stage{&block, part, pass};
  variable_list outputs;
  {
    torch::NoGradGuard no_graph;
    outputs = stage.Run(inputs, LateGradients());
  }
  const int ranks = block.parts().context->world_size();
  if (ranks == 1) Rename(inputs, &outputs);
  const std::vector<size_t> made = Made(outputs, inputs);
  const LateGradients& late = *stream.late_gradients;
  for (size_t i = 1; i < outputs.size(); ++i) {
    const size_t given = Find(outputs[i], inputs);
    if (outputs[i].defined() && given < inputs.size()) outputs[i] = outer[given];
  }
  Recomputation again(std::move(stage), std::move(inputs), made);
  torch::autograd::edge_list edges = again.Edges(outer);
  if (late.late() && ranks > 1) {
    auto before = MakeGraphNode<BeforeRegion>(late.wait_number());
    before->set_next_edges(again.Edges({outer.begin(), outer.begin() + kPlaces}));
    before->add_input_metadata(outputs[0]);
    auto node = MakeGraphNode<ComputeAgainFromRegion>(std::move(again), before.get());
    edges.push_back(torch::autograd::Edge(std::move(before), 0));
    node->set_next_edges(std::move(edges));
    Join(outputs, made, node);
  } else {
    auto node = MakeGraphNode<ComputeAgain>(std::move(again));
    node->set_next_edges(std::move(edges));
    Join(outputs, made, node);
  }
  PutBack({outputs.begin() + 1, outputs.end()}, &stream);
  return outputs[0];
}

}  // namespace edgetp
