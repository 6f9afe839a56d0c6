// One rank's list of a step, written by hand: what it computes, what it exchanges, and what it
// starts and waits for.
#pragma once

#include <vector>

#include "common/plan/step_plan.h"
#include "common/simulate/compute_cost.h"

namespace edgetp::testing {

class StepList {
 public:
  StepList& Compute(absl::Duration duration) {
    segments_.back() += duration;
    return *this;
  }
  StepList& AllReduce(int64_t elements) { return Add(CollectivePart::kBoth, elements, -1); }
  // Gets the next handle: they count from 0.
  StepList& Start(int64_t elements) {
    sizes_.push_back(elements);
    return Add(CollectivePart::kStart, elements, static_cast<int64_t>(sizes_.size()) - 1);
  }
  StepList& Wait(int64_t handle) { return Add(CollectivePart::kWait, sizes_.at(handle), handle); }

  // The same list for all ranks.
  StepPlan Plan(int world_size) const {
    StepPlan plan;
    plan.world_size = world_size;
    plan.steps.assign(world_size, steps_);
    return plan;
  }
  ComputeTable Durations(int world_size) const { return ComputeTable(world_size, segments_); }

 private:
  StepList& Add(CollectivePart part, int64_t elements, int64_t handle) {
    CollectiveStep step{CollectiveTag{}, elements, 4 * elements};
    step.part = part;
    step.handle = handle;
    steps_.push_back(step);
    segments_.emplace_back();
    return *this;
  }

  std::vector<PlanStep> steps_;
  std::vector<absl::Duration> segments_ = std::vector<absl::Duration>(1);
  std::vector<int64_t> sizes_;  // by handle
};

}  // namespace edgetp::testing
