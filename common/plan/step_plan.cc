#include "common/plan/step_plan.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/plan/work.h"

namespace edgetp {
namespace {

bool HasOutputBiases(BlockKind kind) { return kind != BlockKind::kParallel; }

double GlobalParameters(const ModelShape& shape) {
  const double norm = shape.channels * (shape.biases ? 2.0 : 1.0);
  return (static_cast<double>(shape.vocabulary) + shape.sequence) * shape.channels + norm;
}

// One block's parameters on a rank: slices of the four matrices, LN1, LN2, and the output biases
// that the kind has.
double BlockParameters(const ModelShape& shape, const RankSizes& s, BlockKind kind) {
  double count = 4 * s.C * s.width + 2 * s.C * s.columns + 2 * s.C;
  if (shape.biases) count += 3 * s.width + s.columns + 2 * s.C;
  if (shape.biases && HasOutputBiases(kind)) count += 2 * s.C;
  return count;
}

double RankParameters(const PlanOptions& options, const RankSizes& s) {
  double count = GlobalParameters(options.shape);
  for (const PatternBlock& block : options.pattern.blocks()) {
    count += BlockParameters(options.shape, s, block.kind);
  }
  return count;
}

// Of the full GPT-2, output biases included whatever the pattern: the figure that papers quote.
double FullParameters(const ModelShape& shape) {
  const double C = shape.channels;
  double block = 12 * C * C + 2 * C;
  if (shape.biases) block += 11 * C;  // 3C + C + 4C + C of the linears, 2C of the norms
  return GlobalParameters(shape) + shape.layers * block;
}

// What is kept for the backward pass of one micro-batch, in float32, per block:
//   4 (B, T, C)       the inputs and results of LN1 and LN2
//   4 (B, T, C/P)     q, k, v and the attended values
//   (B, H/P, T, T)    the attention weights
//   2 (B, T, 4C/P)    before and after gelu
// and once: 3 (B, T, C) for the embedding and ln_f, 2 (B, T, V) for the logits and their gradient.
MemorySizes SizesOf(const PlanOptions& options, const RankSizes& s) {
  const double block = 4 * s.tokens * s.C + 4 * s.tokens * s.width + s.B * s.heads * s.T * s.T +
                       2 * s.tokens * s.columns;
  const double once = 3 * s.tokens * s.C + 2 * s.tokens * s.V;
  const ModelShape& shape = options.shape;
  MemorySizes sizes;
  sizes.parameters_bytes = kFloatBytes * RankParameters(options, s);
  sizes.activations_bytes = kFloatBytes * (shape.layers * block + once);
  sizes.layer_bytes = kFloatBytes * block;
  sizes.logits_bytes = kFloatBytes * s.tokens * s.V;
  sizes.whole_model_bytes = kFloatBytes * FullParameters(shape);
  sizes.largest_tensor_bytes = kFloatBytes * s.C * std::max({s.V, s.T, 4 * s.C});
  return sizes;
}

// Parameters whose gradients are partial per rank: LN1 and LN2 of s and p blocks, b_o of s blocks
// (design: it is used inside the parallel region, too).
int64_t GradSyncElements(const PlanOptions& options) {
  const int64_t C = options.shape.channels;
  int64_t elements = 0;
  for (const PatternBlock& block : options.pattern.blocks()) {
    if (block.kind == BlockKind::kTensorParallel) continue;
    elements += options.shape.biases ? 4 * C : 2 * C;
    if (options.shape.biases && block.kind == BlockKind::kSyncDrop) elements += C;
  }
  return elements;
}

// Writes one rank's list.
class RankPlanner {
 public:
  RankPlanner(const PlanOptions& options, const Shard& shard)
      : options_(options),
        blocks_(options.pattern.blocks()),
        sizes_(options.shape, options.batch, shard) {}

  void Forward(Phase phase) {
    Compute(phase, -1, EmbeddingForward(sizes_));
    for (int layer = 0; layer < options_.shape.layers; ++layer) ForwardBlock(phase, layer);
    Compute(phase, -1, HeadForward(sizes_));
  }

  void BackwardPass() {
    Compute(Phase::kBackward, -1, Backward(HeadForward(sizes_)));
    for (int layer = options_.shape.layers - 1; layer >= 0; --layer) BackwardBlock(layer);
    Compute(Phase::kBackward, -1, Backward(EmbeddingForward(sizes_)));
  }

  void Update() {
    const int64_t partial = GradSyncElements(options_);
    if (partial > 0)
      Reduce({TrafficClass::kGradSync, Phase::kOptimizer, -1}, partial, options_.wire_grad_sync);
    Reduce({TrafficClass::kScalar, Phase::kOptimizer, -1}, 1, WireFormat());
    const double parameters = RankParameters(options_, sizes_);
    Compute(Phase::kOptimizer, -1, OptimizerUpdate(parameters));
  }

  std::vector<PlanStep> Take() { return std::move(steps_); }

 private:
  void ForwardBlock(Phase phase, int layer) {
    const CollectiveTag tag{TrafficClass::kActivationForward, phase, layer};
    if (blocks_[layer].kind == BlockKind::kTensorParallel) {
      Compute(phase, layer, AttentionForward(sizes_));
      Reduce(tag, activation_elements(), options_.wire_forward);
      Compute(phase, layer, MlpForward(sizes_));
    } else {
      Compute(phase, layer, AttentionForward(sizes_) + MlpForward(sizes_));
    }
    if (blocks_[layer].last_of_run) Reduce(tag, activation_elements(), options_.wire_forward);
  }

  void BackwardBlock(int layer) {
    const CollectiveTag tag{TrafficClass::kActivationBackward, Phase::kBackward, layer};
    const Work attention = Backward(AttentionForward(sizes_));
    const Work mlp = Backward(MlpForward(sizes_));
    if (blocks_[layer].kind == BlockKind::kTensorParallel) {
      Compute(Phase::kBackward, layer, mlp);
      Reduce(tag, activation_elements(), options_.wire_backward);
      Compute(Phase::kBackward, layer, attention);
    } else {
      Compute(Phase::kBackward, layer, attention + mlp);
    }
    if (blocks_[layer].first_of_run) Reduce(tag, activation_elements(), options_.wire_backward);
  }

  void Compute(Phase phase, int layer, const Work& cost) {
    steps_.push_back(ComputeStep{
        phase, layer, cost.flops, cost.bytes, static_cast<float>(cost.product_flops),
        static_cast<float>(cost.elementwise_bytes), static_cast<float>(cost.operations)});
  }

  void Reduce(const CollectiveTag& tag, int64_t elements, const WireFormat& wire) {
    if (options_.world_size == 1) return;
    steps_.push_back(CollectiveStep{tag, elements, wire});
  }

  int64_t activation_elements() const {
    return int64_t{options_.batch} * options_.shape.sequence * options_.shape.channels;
  }

  const PlanOptions& options_;
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
  };
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
StepPlan Describe(const PlanOptions& options, const std::vector<Shard>& shards) {
  StepPlan plan;
  plan.world_size = options.world_size;
  plan.total_parameters = FullParameters(options.shape);
  plan.position_parameters = static_cast<double>(options.shape.sequence) * options.shape.channels;
  for (const Shard& shard : shards) {
    const RankSizes sizes(options.shape, options.batch, shard);
    plan.memory_sizes.push_back(SizesOf(options, sizes));
    plan.memory.push_back(
        TrainingMemory(plan.memory_sizes.back(), /*gathers=*/plan.memory.empty()));
    plan.parameters.push_back(RankParameters(options, sizes));
  }
  return plan;
}

template <typename WriteSteps>
absl::StatusOr<StepPlan> Build(const PlanOptions& options, WriteSteps write) {
  RETURN_IF_ERROR(CheckSizes(options));
  RETURN_IF_ERROR(CheckSteps(options));
  ASSIGN_OR_RETURN(const std::vector<Shard> shards,
                   BuildShardMap(options.shape, options.world_size, options.split));
  StepPlan plan = Describe(options, shards);
  for (const Shard& shard : shards) {
    RankPlanner planner(options, shard);
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
      planner.Forward(Phase::kForward);
      planner.BackwardPass();
    }
    planner.Update();
  });
}

absl::StatusOr<StepPlan> BuildEvaluationPlan(const PlanOptions& options) {
  return Build(options, [](RankPlanner& planner) { planner.Forward(Phase::kEvaluate); });
}

std::vector<CollectiveStep> Collectives(const std::vector<PlanStep>& steps) {
  std::vector<CollectiveStep> collectives;
  for (const PlanStep& step : steps) {
    if (const auto* reduce = std::get_if<CollectiveStep>(&step)) collectives.push_back(*reduce);
  }
  return collectives;
}

}  // namespace edgetp
