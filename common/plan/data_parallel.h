// Step plans of ranks that have a replica of the whole model each, and batches of their own: `data`
// sums the gradients of every step, `local` what the weights have moved in many. Every rank has the
// same list. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/step_plan.h"

namespace edgetp {

struct ParameterSpec;  // parameters.h

// What ranks exchange that have a replica each.
enum class Replicas : uint8_t {
  kNone,       // none have: the ranks share one model
  kGradients,  // `data`: those of every step
  kWeights,    // `local`: what they have moved in inner_steps steps
};

// As large as PyTorch's (Li et al., arXiv 2006.15704), which found little difference around it.
inline constexpr int64_t kDefaultBucketBytes = int64_t{25} << 20;

struct ReplicaOptions {
  Replicas exchange = Replicas::kNone;
  int64_t bucket_bytes = kDefaultBucketBytes;  // of `data`: gradients that are summed together
  // Of `local`: H, and the outer step of DiLoCo (Douillard et al., arXiv 2311.08105, table 5).
  int inner_steps = 100;
  double outer_learning_rate = 0.7;
  double outer_momentum = 0.9;

  bool replicated() const { return exchange != Replicas::kNone; }
};

// Gradients in the order in which a backward pass completes them, cut every bucket_bytes: bucket i
// has the elements from i * ElementsPerBucket on. At least one.
int64_t ElementsPerBucket(int64_t bucket_bytes);

// How many elements have their gradient when the backward pass leaves each stage
// (ParameterSpec::stage), the head's first: rising, the last one is all that the specs own.
std::vector<int64_t> CompletedElements(const std::vector<ParameterSpec>& specs);

// One step of `data`. options: those of a rank (batch, micro-batches), and how many ranks there
// are; blocks of t alone, nothing shared or overlapped. In the last micro-batch's backward pass a
// bucket is started when the stage ends that completes it; all are waited for before the optimizer.
// They have class grad_sync, Phase::kBackward, layer -1. One bucket costs the time of an all-reduce
// of all parameters, after the backward pass.
// Errors: InvalidArgument for what replicas do not do, or a bucket below one element; those of
//   BuildStepPlan.
absl::StatusOr<StepPlan> BuildDataPlan(const PlanOptions& options, int64_t bucket_bytes);

// The steps of `local`: inner ones exchange nothing; an outer one is an inner one, an all-reduce of
// what all weights have moved (grad_sync, Phase::kOptimizer, layer -1), and the outer optimizer.
struct LocalPlans {
  StepPlan inner;
  StepPlan outer;
};

// Options and errors as for BuildDataPlan.
absl::StatusOr<LocalPlans> BuildLocalPlans(const PlanOptions& options);

// What a rank of `options` does where it has no part in the others' model: evaluations and samples
// of a replica.
PlanOptions OfOneReplica(PlanOptions options);

}  // namespace edgetp
