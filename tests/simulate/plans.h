// Step plans made by hand for tests of the simulator.
#pragma once

#include <vector>

#include "common/plan/step_plan.h"
#include "common/simulate/compute_cost.h"

namespace edgetp::testing {

// All-reduces of these sizes in fp32, one after another.
inline StepPlan AllReducePlan(int world_size, const std::vector<int64_t>& elements) {
  StepPlan plan;
  plan.world_size = world_size;
  std::vector<PlanStep> steps;
  for (const int64_t count : elements)
    steps.push_back(CollectiveStep{CollectiveTag{}, count, WireFormat()});
  plan.steps.assign(world_size, steps);
  return plan;
}

// Every compute segment of the plan, with no duration.
inline ComputeTable NoCompute(const StepPlan& plan) {
  return BuildComputeTable(plan, {DeviceOptions{}});
}

}  // namespace edgetp::testing
