#include "common/plan/data_parallel.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/plan/memory_sizes.h"
#include "common/plan/parameters.h"
#include "common/plan/work.h"

namespace edgetp {
namespace {

absl::Status Refuse(const std::string& rule) {
  return absl::InvalidArgumentError(absl::StrCat("replicas: ", rule));
}

absl::Status CheckReplicas(const PlanOptions& options) {
  if (options.world_size < 1)
    return Refuse(absl::StrCat("world_size=", options.world_size, ": must be at least 1"));
  for (const PatternBlock& block : options.pattern.blocks()) {
    if (block.kind != BlockKind::kTensorParallel)
      return Refuse(absl::StrCat("blocks must be t: within a replica there is no sum to save (got ",
                                 TextOf(block), ")"));
  }
  if (!options.split.empty()) return Refuse("split must be empty: every rank has all heads");
  if (options.vocabulary_parallel)
    return Refuse("the vocabulary cannot be shared: every rank has all of it");
  if (options.overlap.kind != OverlapKind::kNone)
    return Refuse("overlap must be NONE: it hides sums of activations, which replicas do not have");
  return absl::OkStatus();
}

// All lists are kept, as BuildStepPlan's are.
absl::Status CheckSteps(const PlanOptions& options, double steps) {
  constexpr double kMaxSteps = 1 << 25;
  const double all = steps * options.world_size;
  if (all <= kMaxSteps) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "step plan: too large to be kept: steps of all ranks = ", all, ": must be at most 2^25"));
}

PlanStep ToStep(const Work& work) {
  return ComputeStep{Phase::kOptimizer,
                     -1,
                     work.flops,
                     work.bytes,
                     static_cast<float>(work.product_flops),
                     static_cast<float>(work.elementwise_bytes),
                     static_cast<float>(work.operations)};
}

CollectiveStep Exchange(const PlanOptions& options, Phase phase, int64_t elements) {
  CollectiveStep step{};
  step.tag = {TrafficClass::kGradSync, phase, -1};
  step.elements = elements;
  step.wire = options.wire_grad_sync;
  return step;
}

// The plan of one replica by itself, which has neither a collective nor a sum.
absl::StatusOr<StepPlan> BuildOne(const PlanOptions& options) {
  RETURN_IF_ERROR(CheckReplicas(options));
  return BuildStepPlan(OfOneReplica(options));
}

// `steps` for every rank, in place of those of `one`.
absl::StatusOr<StepPlan> ForAll(const PlanOptions& options, const StepPlan& one,
                                std::vector<PlanStep> steps) {
  RETURN_IF_ERROR(CheckSteps(options, static_cast<double>(steps.size())));
  const auto ranks = static_cast<size_t>(options.world_size);
  MemorySizes sizes = one.memory_sizes[0];
  StepPlan plan = one;
  plan.world_size = options.world_size;
  plan.steps.assign(ranks, std::move(steps));
  plan.memory_sizes.assign(ranks, sizes);
  plan.parameters.assign(ranks, one.parameters[0]);
  plan.memory.assign(1, TrainingMemory(sizes, /*gathers=*/true));
  plan.memory.resize(ranks, TrainingMemory(sizes, /*gathers=*/false));
  return plan;
}

// The buckets of a list that begins with the last backward pass and ends with the optimizer.
class BucketWriter {
 public:
  BucketWriter(const PlanOptions& options, int64_t per_bucket, int64_t total)
      : options_(options), per_bucket_(per_bucket), total_(total) {}

  // So many elements have their gradients: starts what that fills.
  void Complete(int64_t elements, std::vector<PlanStep>* steps) {
    while (begin_ < total_ && elements >= std::min(begin_ + per_bucket_, total_)) {
      const int64_t size = std::min(per_bucket_, total_ - begin_);
      started_.push_back(Exchange(options_, Phase::kBackward, size));
      started_.back().part = CollectivePart::kStart;
      started_.back().handle = static_cast<int64_t>(started_.size()) - 1;
      steps->push_back(started_.back());
      begin_ += size;
    }
  }

  void WaitForAll(std::vector<PlanStep>* steps) const {
    for (CollectiveStep wait : started_) {
      wait.part = CollectivePart::kWait;
      steps->push_back(wait);
    }
  }

 private:
  const PlanOptions& options_;
  const int64_t per_bucket_;
  const int64_t total_;
  int64_t begin_ = 0;  // of the next bucket
  std::vector<CollectiveStep> started_;
};

}  // namespace

int64_t ElementsPerBucket(int64_t bucket_bytes) {
  return std::max<int64_t>(1, bucket_bytes / int64_t{sizeof(float)});
}

std::vector<int64_t> CompletedElements(const std::vector<ParameterSpec>& specs) {
  int stages = 0;
  for (const ParameterSpec& spec : specs) stages = std::max(stages, spec.stage + 1);
  std::vector<int64_t> completed(stages);
  for (const ParameterSpec& spec : specs) {
    if (spec.owned) completed[stages - 1 - spec.stage] += static_cast<int64_t>(spec.elements());
  }
  for (int i = 1; i < stages; ++i) completed[i] += completed[i - 1];
  return completed;
}

PlanOptions OfOneReplica(PlanOptions options) {
  options.world_size = 1;
  options.split.clear();
  options.vocabulary_parallel = false;
  options.overlap = {};
  return options;
}

absl::StatusOr<StepPlan> BuildDataPlan(const PlanOptions& options, int64_t bucket_bytes) {
  if (bucket_bytes < int64_t{sizeof(float)})
    return Refuse(absl::StrCat("bucket_bytes must be at least 4 (got ", bucket_bytes, ")"));
  ASSIGN_OR_RETURN(StepPlan one, BuildOne(options));
  if (options.world_size == 1) return one;
  const std::vector<PlanStep>& alone = one.steps[0];
  const std::vector<int64_t> completed =
      CompletedElements(Gpt2Parameters(options.shape, options.pattern, false));
  const int64_t total = completed.back(), per_bucket = ElementsPerBucket(bucket_bytes);
  const double entries = 2.0 * static_cast<double>(total / per_bucket + 1);
  RETURN_IF_ERROR(CheckSteps(options, static_cast<double>(alone.size()) + entries));
  // It ends with one step for each stage of the last backward pass, and the optimizer.
  const auto optimizer = alone.end() - 1;
  const auto backward = optimizer - static_cast<int64_t>(completed.size());
  std::vector<PlanStep> steps(alone.begin(), backward);
  BucketWriter buckets(options, per_bucket, total);
  for (size_t stage = 0; stage < completed.size(); ++stage) {
    steps.push_back(backward[static_cast<int64_t>(stage)]);
    buckets.Complete(completed[stage], &steps);
  }
  buckets.WaitForAll(&steps);
  steps.push_back(*optimizer);
  one.memory_sizes[0].residual_bytes = ResidualBytes(options, steps);
  return ForAll(options, one, std::move(steps));
}

absl::StatusOr<LocalPlans> BuildLocalPlans(const PlanOptions& options) {
  ASSIGN_OR_RETURN(StepPlan one, BuildOne(options));
  one.memory_sizes[0].outer_bytes = 2 * one.memory_sizes[0].parameters_bytes;
  const double parameters = one.parameters[0];
  std::vector<PlanStep> outer = one.steps[0];
  outer.push_back(ToStep(OuterDifference(parameters)));
  if (options.world_size > 1)
    outer.push_back(Exchange(options, Phase::kOptimizer, static_cast<int64_t>(parameters)));
  outer.push_back(ToStep(OuterUpdate(parameters)));
  one.memory_sizes[0].residual_bytes = ResidualBytes(options, outer);
  LocalPlans plans;
  ASSIGN_OR_RETURN(plans.inner, ForAll(options, one, one.steps[0]));
  ASSIGN_OR_RETURN(plans.outer, ForAll(options, one, std::move(outer)));
  return plans;
}

}  // namespace edgetp
