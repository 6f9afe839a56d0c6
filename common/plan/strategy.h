// Ways to train one model on the same devices and links: one device alone, tensor, data and
// pipeline parallelism, local steps, and meshes of them. A strategy is a StepPlan, so simulator,
// trace and reports take all of them alike. A new one is one row of kRows in strategy.cc. Pure.
//
// A strategy is written as axes with their sizes, the last one counting fastest over the ranks:
// "data=2,tensor=4" is two replicas of four ranks each: 0 to 3, and 4 to 7. An axis alone has all
// workers: "pipeline". "one" is rank 0's device by itself, however many workers there are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/data_parallel.h"
#include "common/plan/mesh.h"
#include "common/plan/pipeline.h"
#include "common/plan/step_plan.h"

namespace edgetp {

struct StrategyOptions {
  // world_size: of all workers. Batch and micro-batches are those of one replica: with `data` and
  // `local`, each has its own. Pattern, split, vocabulary and overlap are those of `tensor`, the
  // split of as many ranks as share a tensor; who has whole tensors computes the dense model (t). A
  // `pipeline` cuts the pattern: a run of letters ends where a stage does.
  PlanOptions plan;
  std::string strategy = "tensor";
  int64_t bucket_bytes = kDefaultBucketBytes;  // of `data`: gradients that are summed together
  int inner_steps = 100;                       // of `local`: H
  PipelineSchedule schedule = PipelineSchedule::k1F1B;
  // By rank, how fast the devices are in proportion; empty: all alike. A pipeline is cut so that
  // its slowest stage is as fast as can be, head and embedding counted.
  std::vector<double> speeds;
  std::vector<int> stage_layers;  // instead: how many layers each stage has
};

struct StrategyPlan {
  StepPlan plan;                  // of `local` a whole round: H steps and one exchange
  double tokens_per_step = 0;     // of all replicas, in all that the plan has
  int updates = 1;                // steps of the inner optimizer that the plan has: H of `local`
  std::vector<int> stage_layers;  // of a pipeline: layers of each stage; else empty
  Pattern pattern;  // what the ranks compute: the dense one where nobody shares a tensor
  bool shares_tensors = false;
};

struct StrategyRow {
  const char* name;
  const char* what;  // in a few words, for help
};

// What can stand alone, in the order in which help lists them.
std::vector<StrategyRow> Strategies();
std::string StrategyNames();  // "one, tensor, ...": for messages

// Where a text is a list of strategies, as in "one,tensor,data=2,tensor=2": a mesh goes on until it
// has `workers` ranks.
// Errors: none; what is no strategy is told by BuildStrategyPlan.
std::vector<std::string> SplitStrategies(const std::string& text, int workers);

// Memory is that of training, like BuildStepPlan's: of a pipeline with the activations of as many
// micro-batches as a stage keeps (MicroBatchesKept); of a tied head the last stage has a copy,
// whose gradient it sums with the first stage's once per step.
// Errors: InvalidArgument for an unknown name or axis, an axis twice, replicas of two kinds, sizes
//   whose product is not the workers, more stages than layers, a cut that does not fit; those of
//   BuildStepPlan.
absl::StatusOr<StrategyPlan> BuildStrategyPlan(const StrategyOptions& options);

}  // namespace edgetp
