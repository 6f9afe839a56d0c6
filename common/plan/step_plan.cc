#include "common/plan/step_plan.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/plan/parameters.h"
#include "common/plan/work.h"

namespace edgetp {
namespace {

// Per element of what always travels in fp32.
constexpr int kScalarBytes = 4;

// What is kept for the backward pass of one micro-batch, in float32, per block:
//   4 (B, T, C)       the inputs and results of LN1 and LN2
//   4 (B, T, C/P)     q, k, v and the attended values
//   (B, H/P, T, T)    the attention weights
//   2 (B, T, 4C/P)    before and after gelu
// and once: 3 (B, T, C) for the embedding and ln_f, 2 (B, T, V) for the logits and their gradient;
// of a vocabulary that is shared, V is the rank's rows.
MemorySizes SizesOf(const PlanOptions& options, const std::vector<ParameterSpec>& parameters,
                    const Shard& shard) {
  const RankSizes s(options.shape, options.batch, shard);
  const double block = 4 * s.tokens * s.C + 4 * s.tokens * s.width + s.B * s.heads * s.T * s.T +
                       2 * s.tokens * s.columns;
  const double once = 3 * s.tokens * s.C + 2 * s.tokens * s.V;
  MemorySizes sizes;
  sizes.parameters_bytes = kFloatBytes * RankElements(parameters, shard);
  sizes.activations_bytes = kFloatBytes * (options.shape.layers * block + once);
  sizes.layer_bytes = kFloatBytes * block;
  sizes.logits_bytes = kFloatBytes * s.tokens * s.V;
  sizes.whole_model_bytes = kFloatBytes * FullElements(parameters);
  for (const ParameterSpec& parameter : parameters) {
    sizes.largest_tensor_bytes =
        std::max(sizes.largest_tensor_bytes, kFloatBytes * parameter.elements());
  }
  return sizes;
}

// How a forward pass ends.
enum class Ending { kLoss, kNextToken };

// Writes one rank's list.
class RankPlanner {
 public:
  RankPlanner(const PlanOptions& options, const std::vector<ParameterSpec>& parameters,
              const Shard& shard)
      : options_(options),
        parameters_(parameters),
        shard_(shard),
        blocks_(options.pattern.blocks()),
        sizes_(options.shape, options.batch, shard) {}

  void Forward(Phase phase, Ending ending) {
    Compute(phase, -1, EmbeddingForward(sizes_));
    if (shares_vocabulary()) {
      Reduce({TrafficClass::kActivationForward, phase, -1}, activation_elements(),
             options_.wire_forward_bytes);
    }
    for (int layer = 0; layer < options_.shape.layers; ++layer) ForwardBlock(phase, layer);
    ending == Ending::kLoss ? Loss(phase) : NextToken(phase);
  }

  void BackwardPass() {
    HeadBackward();
    for (int layer = options_.shape.layers - 1; layer >= 0; --layer) BackwardBlock(layer);
    Compute(Phase::kBackward, -1, Backward(EmbeddingForward(sizes_)));
  }

  void Update() {
    const int64_t partial = PartialElements(parameters_);
    if (partial > 0) Reduce({TrafficClass::kGradSync, Phase::kOptimizer, -1}, partial, kScalarBytes);
    Reduce({TrafficClass::kScalar, Phase::kOptimizer, -1}, 1, kScalarBytes);
    Compute(Phase::kOptimizer, -1, OptimizerUpdate(RankElements(parameters_, shard_)));
  }

  std::vector<PlanStep> Take() { return std::move(steps_); }

 private:
  // One rank has all rows, whatever was asked for.
  bool shares_vocabulary() const { return options_.vocabulary_parallel && options_.world_size > 1; }

  void Loss(Phase phase) {
    Compute(phase, -1, FinalNormForward(sizes_) + HeadForward(sizes_));
    if (!shares_vocabulary()) return;
    // The largest logit, the target's, the sum of exponentials.
    for (const Reduction reduction : {Reduction::kMax, Reduction::kSum, Reduction::kSum})
      Reduce({TrafficClass::kScalar, phase, -1, reduction}, tokens(), kScalarBytes);
    if (phase == Phase::kForward) Compute(phase, -1, SharedSoftmax(sizes_));
  }

  void NextToken(Phase phase) {
    RankSizes one = sizes_;
    one.tokens = 1;
    Compute(phase, -1, FinalNormForward(sizes_) + HeadForward(one));
    if (shares_vocabulary())
      Reduce({TrafficClass::kControl, phase, -1}, options_.shape.vocabulary, kScalarBytes);
  }

  void HeadBackward() {
    const Work head = Backward(HeadForward(sizes_)), norm = Backward(FinalNormForward(sizes_));
    if (!shares_vocabulary()) return Compute(Phase::kBackward, -1, head + norm);
    Compute(Phase::kBackward, -1, head);
    Reduce({TrafficClass::kActivationBackward, Phase::kBackward, -1}, activation_elements(),
           options_.wire_backward_bytes);
    Compute(Phase::kBackward, -1, norm);
  }

  void ForwardBlock(Phase phase, int layer) {
    const CollectiveTag tag{TrafficClass::kActivationForward, phase, layer};
    if (blocks_[layer].kind == BlockKind::kTensorParallel) {
      Compute(phase, layer, AttentionForward(sizes_));
      Reduce(tag, activation_elements(), options_.wire_forward_bytes);
      Compute(phase, layer, MlpForward(sizes_));
    } else {
      Compute(phase, layer, AttentionForward(sizes_) + MlpForward(sizes_));
    }
    if (blocks_[layer].last_of_run) Reduce(tag, activation_elements(), options_.wire_forward_bytes);
  }

  void BackwardBlock(int layer) {
    const CollectiveTag tag{TrafficClass::kActivationBackward, Phase::kBackward, layer};
    const Work attention = Backward(AttentionForward(sizes_));
    const Work mlp = Backward(MlpForward(sizes_));
    if (blocks_[layer].kind == BlockKind::kTensorParallel) {
      Compute(Phase::kBackward, layer, mlp);
      Reduce(tag, activation_elements(), options_.wire_backward_bytes);
      Compute(Phase::kBackward, layer, attention);
    } else {
      Compute(Phase::kBackward, layer, attention + mlp);
    }
    if (blocks_[layer].first_of_run)
      Reduce(tag, activation_elements(), options_.wire_backward_bytes);
  }

  void Compute(Phase phase, int layer, const Work& cost) {
    steps_.push_back(ComputeStep{
        phase, layer, cost.flops, cost.bytes, static_cast<float>(cost.product_flops),
        static_cast<float>(cost.elementwise_bytes), static_cast<float>(cost.operations)});
  }

  void Reduce(const CollectiveTag& tag, int64_t elements, int bytes_per_element) {
    if (options_.world_size == 1) return;
    steps_.push_back(CollectiveStep{tag, elements, elements * bytes_per_element});
  }

  int64_t tokens() const { return int64_t{options_.batch} * options_.shape.sequence; }
  int64_t activation_elements() const { return tokens() * options_.shape.channels; }

  const PlanOptions& options_;
  const std::vector<ParameterSpec>& parameters_;
  const Shard shard_;
  const std::vector<PatternBlock>& blocks_;
  const RankSizes sizes_;
  std::vector<PlanStep> steps_;
};

absl::Status CheckSizes(const PlanOptions& options) {
  const ModelShape& shape = options.shape;
  const std::pair<const char*, int> sizes[] = {
      {"layers", shape.layers},
      {"heads", shape.heads},
      {"channels", shape.channels},
      {"sequence", shape.sequence},
      {"vocabulary", shape.vocabulary},
      {"batch", options.batch},
      {"micro_batches", options.micro_batches},
      {"wire_forward_bytes", options.wire_forward_bytes},
      {"wire_backward_bytes", options.wire_backward_bytes}};
  for (const auto& [name, value] : sizes) {
    if (value < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("step plan: ", name, "=", value, ": must be at least 1"));
    }
  }
  if (shape.channels % shape.heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat("step plan: channels=", shape.channels,
                                                   " must be a multiple of heads=", shape.heads));
  }
  if (options.pattern.layers() != shape.layers) {
    return absl::InvalidArgumentError(
        absl::StrCat("step plan: the pattern has ", options.pattern.layers(),
                     " blocks, but the model has ", shape.layers, " layers"));
  }
  // 2^40 float32 are 4 TiB in one message: beyond it, byte counts would leave int64 before anything
  // could run.
  const double elements = static_cast<double>(options.batch) * shape.sequence * shape.channels;
  if (elements > 0x1p40) {
    return absl::InvalidArgumentError(absl::StrCat(
        "step plan: batch * sequence * channels = ", elements, ": must be at most 2^40"));
  }
  return absl::OkStatus();
}

// The steps of all ranks are kept in memory, 56 bytes each: GPT-3 on a thousand ranks has ten
// million.
absl::Status CheckSteps(const PlanOptions& options) {
  constexpr double kMaxSteps = 1 << 25;
  // A block has at most two computations and two collectives in each direction.
  const double steps = 8.0 * options.shape.layers * options.micro_batches * options.world_size;
  if (steps <= kMaxSteps) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "step plan: too large to be kept: 8 * layers * micro_batches * workers = ", steps,
      ": must be at most 2^25"));
}

// Everything but the steps.
StepPlan Describe(const PlanOptions& options, const std::vector<ParameterSpec>& parameters,
                  const std::vector<Shard>& shards) {
  StepPlan plan;
  plan.world_size = options.world_size;
  plan.total_parameters = FullElements(parameters);
  plan.position_parameters = static_cast<double>(options.shape.sequence) * options.shape.channels;
  for (const Shard& shard : shards) {
    plan.memory_sizes.push_back(SizesOf(options, parameters, shard));
    plan.memory.push_back(
        TrainingMemory(plan.memory_sizes.back(), /*gathers=*/plan.memory.empty()));
    plan.parameters.push_back(RankElements(parameters, shard));
  }
  return plan;
}

template <typename WriteSteps>
absl::StatusOr<StepPlan> Build(const PlanOptions& options, WriteSteps write) {
  RETURN_IF_ERROR(CheckSizes(options));
  RETURN_IF_ERROR(CheckSteps(options));
  ASSIGN_OR_RETURN(const std::vector<Shard> shards,
                   BuildShardMap(options.shape, options.world_size, options.split,
                                 options.vocabulary_parallel));
  const std::vector<ParameterSpec> parameters =
      Gpt2Parameters(options.shape, options.pattern, options.vocabulary_parallel);
  StepPlan plan = Describe(options, parameters, shards);
  for (const Shard& shard : shards) {
    RankPlanner planner(options, parameters, shard);
    write(planner);
    plan.steps.push_back(planner.Take());
  }
  return plan;
}

}  // namespace

const char* NameOf(Phase phase) {
  switch (phase) {
    case Phase::kForward:
      return "forward";
    case Phase::kBackward:
      return "backward";
    case Phase::kOptimizer:
      return "optimizer";
    case Phase::kEvaluate:
      break;
  }
  return "evaluate";
}

const char* NameOf(TrafficClass traffic) {
  switch (traffic) {
    case TrafficClass::kActivationForward:
      return "activation_fwd";
    case TrafficClass::kActivationBackward:
      return "activation_bwd";
    case TrafficClass::kGradSync:
      return "grad_sync";
    case TrafficClass::kScalar:
      return "scalar";
    case TrafficClass::kControl:
      break;
  }
  return "control";
}

absl::StatusOr<StepPlan> BuildStepPlan(const PlanOptions& options) {
  return Build(options, [&](RankPlanner& planner) {
    for (int i = 0; i < options.micro_batches; ++i) {
      planner.Forward(Phase::kForward, Ending::kLoss);
      planner.BackwardPass();
    }
    planner.Update();
  });
}

absl::StatusOr<StepPlan> BuildEvaluationPlan(const PlanOptions& options) {
  return Build(options,
               [](RankPlanner& planner) { planner.Forward(Phase::kEvaluate, Ending::kLoss); });
}

absl::StatusOr<StepPlan> BuildNextTokenPlan(const PlanOptions& options) {
  return Build(options, [](RankPlanner& planner) {
    planner.Forward(Phase::kEvaluate, Ending::kNextToken);
  });
}

std::vector<CollectiveStep> Collectives(const std::vector<PlanStep>& steps) {
  std::vector<CollectiveStep> collectives;
  for (const PlanStep& step : steps) {
    if (const auto* reduce = std::get_if<CollectiveStep>(&step)) collectives.push_back(*reduce);
  }
  return collectives;
}

}  // namespace edgetp
