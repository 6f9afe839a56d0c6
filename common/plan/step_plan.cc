#include "common/plan/step_plan.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/plan/parameters.h"
#include "common/plan/rank_planner.h"
#include "common/plan/work.h"

namespace edgetp {
namespace {

// What is kept for the backward pass of one micro-batch, in float32, per block:
//   2 (B, T, C)       of each norm, its input and its result
//   4 (B, T, C/P)     q, k, v and the attended values
//   (B, H/P, T, T)    the attention weights
//   2 (B, T, 4C/P)    before and after gelu
double KeptByBlock(const RankSizes& s, const BlockTraits& traits) {
  const double norms = traits.second_norm ? 2 : 1;
  return 2 * norms * s.tokens * s.C + 4 * s.tokens * s.width + s.B * s.heads * s.T * s.T +
         2 * s.tokens * s.columns;
}

// Late sums of a run: with a slack of k stages, k of them are under way at once. t~k keeps as many own
// parts, which wait for theirs.
double LateElements(const RankSizes& s, const Pattern& pattern) {
  double most = 0;
  int stages = 0;  // of the run so far
  for (const PatternBlock& block : pattern.blocks()) {
    stages += static_cast<int>(StagesOf(block).size());
    const double own = block.kind == BlockKind::kDelayed ? 1 : 0;
    most = std::max(most, std::min(SlackOf(block), stages) * (1 + own));
    if (block.last_of_run) stages = 0;
  }
  return most * s.tokens * s.C;
}

// And once: 3 (B, T, C) for the embedding and ln_f, 2 (B, T, V) for the logits and their gradient;
// of a vocabulary that is shared, V is the rank's rows.
MemorySizes SizesOf(const PlanOptions& options, const std::vector<ParameterSpec>& parameters,
                    const Shard& shard) {
  const RankSizes s(options.shape, options.batch, shard);
  double blocks = 0, largest = 0;
  for (const PatternBlock& block : options.pattern.blocks()) {
    const double kept = KeptByBlock(s, TraitsOf(block.kind));
    blocks += kept;
    largest = std::max(largest, kept);
  }
  const double once = 3 * s.tokens * s.C + 2 * s.tokens * s.V;
  MemorySizes sizes;
  sizes.parameters_bytes = kFloatBytes * RankElements(parameters, shard);
  sizes.activations_bytes = kFloatBytes * (blocks + once);
  sizes.layer_bytes = kFloatBytes * largest;
  sizes.logits_bytes = kFloatBytes * s.tokens * s.V;
  if (options.world_size > 1) sizes.late_bytes = kFloatBytes * LateElements(s, options.pattern);
  sizes.whole_model_bytes = kFloatBytes * FullElements(parameters);
  for (const ParameterSpec& parameter : parameters) {
    sizes.largest_tensor_bytes =
        std::max(sizes.largest_tensor_bytes, kFloatBytes * parameter.elements());
    if (!parameter.sharded()) continue;
    sizes.largest_slice_bytes =
        std::max(sizes.largest_slice_bytes, kFloatBytes * LocalElements(parameter, shard));
  }
  return sizes;
}

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
      {"overlap.rows", options.overlap.rows},
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
  RETURN_IF_ERROR(Annotate(options.pattern.CheckChannels(shape.channels), "step plan"));
  RETURN_IF_ERROR(CheckRows(options.overlap, options.batch));
  // 2^40 float32 are 4 TiB in one message: beyond it, byte counts would leave int64 before anything
  // could run.
  const double elements = static_cast<double>(options.batch) * shape.sequence * shape.channels;
  if (elements > 0x1p40) {
    return absl::InvalidArgumentError(absl::StrCat(
        "step plan: batch * sequence * channels = ", elements, ": must be at most 2^40"));
  }
  return absl::OkStatus();
}

// How many steps a block has at most in each direction.
int StepsOf(const PatternBlock& block, const Overlap& overlap) {
  const bool none = overlap.kind == OverlapKind::kNone;
  const int sums = SlackOf(block) > 0 || !none ? 2 : 1;  // a late one is started and waited for
  const int computations = overlap.kind == OverlapKind::kWeightGradients ? 2 : 1;
  return static_cast<int>(StagesOf(block).size()) * (computations + sums) * overlap.rows;
}

// The steps of all ranks are kept in memory, 80 bytes each: GPT-3 on a thousand ranks has ten
// million.
absl::Status CheckSteps(const PlanOptions& options) {
  constexpr double kMaxSteps = 1 << 25;
  int most = 4;
  for (const PatternBlock& block : options.pattern.blocks())
    most = std::max(most, StepsOf(block, options.overlap));
  const double steps =
      2.0 * most * options.shape.layers * options.micro_batches * options.world_size;
  if (steps <= kMaxSteps) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "step plan: too large to be kept: ", 2 * most, " * layers * micro_batches * workers = ",
      steps, ": must be at most 2^25"));
}

// What error feedback keeps: as many float32 as a step's messages of its classes have, where
// encoding loses anything.
double ResidualBytes(const PlanOptions& options, const std::vector<PlanStep>& steps) {
  double bytes = 0;
  for (const CollectiveStep& step : Collectives(steps)) {
    const TrafficClass traffic = step.tag.traffic;
    const bool activations =
        traffic == TrafficClass::kActivationForward || traffic == TrafficClass::kActivationBackward;
    const bool fed_back = (activations && options.feedback_activations) ||
                          (traffic == TrafficClass::kGradSync && options.feedback_grad_sync);
    if (fed_back && step.tag.phase != Phase::kEvaluate && !step.wire.identity())
      bytes += kFloatBytes * step.elements;
  }
  return bytes;
}

// Everything but the steps, and what follows from them.
StepPlan Describe(const PlanOptions& options, const std::vector<ParameterSpec>& parameters,
                  const std::vector<Shard>& shards) {
  StepPlan plan;
  plan.world_size = options.world_size;
  plan.total_parameters = FullElements(parameters);
  plan.position_parameters = static_cast<double>(options.shape.sequence) * options.shape.channels;
  for (const Shard& shard : shards) {
    plan.memory_sizes.push_back(SizesOf(options, parameters, shard));
    plan.parameters.push_back(RankElements(parameters, shard));
  }
  return plan;
}

// What the ranks update and sum at the end of a step, in elements.
struct Updated {
  int64_t partial;    // gradients to be summed
  double parameters;  // of the rank
};

template <typename WriteSteps>
absl::StatusOr<StepPlan> Build(const PlanOptions& options, WriteSteps write) {
  RETURN_IF_ERROR(CheckSizes(options));
  RETURN_IF_ERROR(CheckSteps(options));
  ASSIGN_OR_RETURN(
      const std::vector<Shard> shards,
      BuildShardMap(options.shape, options.world_size, options.split, options.vocabulary_parallel));
  const std::vector<ParameterSpec> parameters =
      Gpt2Parameters(options.shape, options.pattern, options.vocabulary_parallel);
  const int64_t partial = PartialElements(parameters);
  StepPlan plan = Describe(options, parameters, shards);
  for (size_t rank = 0; rank < shards.size(); ++rank) {
    RankPlanner planner(options, shards[rank]);
    write(planner, Updated{partial, plan.parameters[rank]});
    plan.steps.push_back(planner.Take());
    MemorySizes& sizes = plan.memory_sizes[rank];
    sizes.residual_bytes = ResidualBytes(options, plan.steps[rank]);
    sizes.all_residual_bytes = options.world_size * sizes.residual_bytes;
    plan.memory.push_back(TrainingMemory(sizes, /*gathers=*/rank == 0));
  }
  return plan;
}

// What is no part of a training step is never cut into groups of rows.
PlanOptions Whole(PlanOptions options) {
  options.overlap = {};
  return options;
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

const char* NameOf(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return "all_reduce";
    case CollectiveKind::kSend:
      return "send";
    case CollectiveKind::kGather:
      return "gather";
    case CollectiveKind::kBroadcast:
      return "broadcast";
    case CollectiveKind::kBroadcastMissing:
      break;
  }
  return "broadcast_missing";
}

absl::StatusOr<StepPlan> BuildStepPlan(const PlanOptions& options) {
  return Build(options, [&](RankPlanner& planner, const Updated& updated) {
    for (int i = 0; i < options.micro_batches; ++i) {
      planner.Forward(Phase::kForward);
      planner.BackwardPass();
    }
    planner.Update(updated.partial, updated.parameters);
  });
}

absl::StatusOr<StepPlan> BuildEvaluationPlan(const PlanOptions& options) {
  return Build(Whole(options),
               [](RankPlanner& planner, const Updated&) { planner.Forward(Phase::kEvaluate); });
}

absl::StatusOr<StepPlan> BuildNextTokenPlan(const PlanOptions& options) {
  return Build(Whole(options), [](RankPlanner& planner, const Updated&) { planner.NextToken(); });
}

}  // namespace edgetp
