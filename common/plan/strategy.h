// Ways to train one model on the same devices and links: one device alone, tensor, data and pipeline
// parallelism, local steps, and meshes of them. A strategy is a StepPlan, so simulator, trace and
// reports take all of them alike. A new one is one row of kAxes in strategy.cc and its builder. Pure.
//
// A strategy is written as axes with their sizes, the last one counting fastest over the ranks:
// "data=2,tensor=4" is two replicas of four ranks each: 0 to 3, and 4 to 7. An axis alone has all
// workers: "pipeline". "one" is rank 0's device by itself, however many workers there are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/step_plan.h"

namespace edgetp {

enum class PipelineSchedule : uint8_t {
  kGpipe,  // all forward passes, then all backward passes (Huang et al., 1811.06965)
  k1F1B,   // after a warm-up one of each in turn (Narayanan et al., PipeDream-Flush, 2006.09503)
};

struct StrategyOptions {
  // world_size: of all workers. Batch and micro-batches are those of one replica: with `data` and
  // `local`, each has its own. Split and pattern are those of `tensor`; a `pipeline` cuts the
  // pattern, and a run of letters ends where a stage does.
  PlanOptions plan;
  std::string strategy = "tensor";
  PipelineSchedule schedule = PipelineSchedule::k1F1B;
  int64_t bucket_bytes = int64_t{25} << 20;  // of `data`: gradients that are summed together
  int inner_steps = 100;                     // H of `local`
  // By rank, how fast the devices are in proportion: a pipeline has as many layers in each stage.
  // Empty: all alike.
  std::vector<double> speeds;
};

struct StrategyPlan {
  StepPlan plan;                  // of `local` a whole round: H steps and one exchange
  double tokens_per_step = 0;     // of all replicas, in what the plan has
  int updates = 1;                // steps of the inner optimizer that the plan has: H of `local`
  std::vector<int> stage_layers;  // of a pipeline: layers of each stage, in order; else empty
};

// "one", "tensor", ...: what stands alone; for help and messages.
std::vector<std::string> StrategyNames();

// Errors: InvalidArgument for an unknown name or axis, an axis twice, sizes whose product is not the
//   workers, more stages than layers, options that an axis does not take; those of BuildStepPlan.
absl::StatusOr<StrategyPlan> BuildStrategyPlan(const StrategyOptions& options);

// "gpipe", "1f1b", in any case.
// Errors: InvalidArgument with both names.
absl::StatusOr<PipelineSchedule> ParsePipelineSchedule(const std::string& text);

}  // namespace edgetp
