#include "common/plan/step_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/plan/memory_sizes.h"
#include "common/plan/parameters.h"
#include "common/plan/plan_checks.h"
#include "common/plan/rank_planner.h"

namespace edgetp {
namespace {

// Everything but the steps, and what follows from them. `pass`: `options` with the sizes of what is
// computed.
StepPlan Describe(const PlanOptions& options, const PlanOptions& pass,
                  const std::vector<ParameterSpec>& parameters, const std::vector<Shard>& shards) {
  StepPlan plan;
  plan.world_size = options.world_size;
  plan.total_parameters = FullElements(parameters);
  plan.position_parameters = static_cast<double>(options.shape.sequence) * options.shape.channels;
  for (const Shard& shard : shards) {
    plan.memory_sizes.push_back(SizesOf(pass, parameters, shard));
    plan.parameters.push_back(RankElements(parameters, shard));
  }
  return plan;
}

// What the ranks update and sum at the end of a step, in elements.
struct Updated {
  int64_t partial;    // gradients to be summed
  double parameters;  // of the rank
};

// `pass`: as for Describe.
template <typename WriteSteps>
absl::StatusOr<StepPlan> Build(const PlanOptions& options, const PlanOptions& pass,
                               WriteSteps write) {
  RETURN_IF_ERROR(CheckSizes(pass));
  RETURN_IF_ERROR(CheckSteps(pass));
  ASSIGN_OR_RETURN(
      const std::vector<Shard> shards,
      BuildShardMap(options.shape, options.world_size, options.split, options.vocabulary_parallel));
  const std::vector<ParameterSpec> parameters =
      Gpt2Parameters(options.shape, options.pattern, options.vocabulary_parallel);
  const int64_t partial = PartialElements(parameters);
  StepPlan plan = Describe(options, pass, parameters, shards);
  for (size_t rank = 0; rank < shards.size(); ++rank) {
    RankPlanner planner(pass, shards[rank]);
    write(planner, Updated{partial, plan.parameters[rank]});
    plan.steps.push_back(planner.Take());
    MemorySizes& sizes = plan.memory_sizes[rank];
    sizes.residual_bytes = ResidualBytes(pass, plan.steps[rank]);
    plan.memory.push_back(TrainingMemory(sizes, /*gathers=*/rank == 0));
  }
  return plan;
}

template <typename WriteSteps>
absl::StatusOr<StepPlan> Build(const PlanOptions& options, WriteSteps write) {
  return Build(options, options, write);
}

absl::Status CheckPass(const PlanOptions& options, const DecodePass& pass) {
  const int64_t longest = int64_t{pass.new_tokens} + pass.cached;
  const int room = std::max(pass.capacity, options.shape.sequence * (pass.cached == 0));
  if (pass.new_tokens >= 1 && pass.cached >= 0 && pass.capacity >= 0 &&
      longest <= options.shape.sequence && longest <= room)
    return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "decode plan: ", pass.new_tokens, " new tokens after ", pass.cached, " of ", pass.capacity,
      " that can be kept: at least 1, and at most sequence=", options.shape.sequence, " together"));
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

absl::StatusOr<StepPlan> BuildDecodePlan(const PlanOptions& options, const DecodePass& pass) {
  RETURN_IF_ERROR(CheckPass(options, pass));
  PlanOptions of_pass = Whole(options);
  of_pass.shape.sequence = pass.new_tokens;
  ASSIGN_OR_RETURN(StepPlan plan,
                   Build(options, of_pass, [&pass](RankPlanner& planner, const Updated&) {
                     planner.NextTokens(pass.cached);
                   }));
  for (size_t rank = 0; rank < plan.memory.size(); ++rank) {
    MemorySizes& sizes = plan.memory_sizes[rank];
    // Of the last one alone.
    sizes.logits_bytes /= pass.new_tokens;
    sizes.accelerator_logits_bytes /= pass.new_tokens;
    sizes.cache_bytes = pass.capacity * sizes.token_cache_bytes;
    plan.memory[rank] = InferenceMemory(sizes);
  }
  return plan;
}

absl::StatusOr<StepPlan> BuildNextTokenPlan(const PlanOptions& options) {
  PlanOptions one = options;
  one.batch = 1;
  return BuildDecodePlan(one, {.new_tokens = options.shape.sequence});
}

}  // namespace edgetp
