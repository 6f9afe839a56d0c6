// Two plans that must be the same, step by step.
#pragma once

#include <gtest/gtest.h>

#include "common/plan/step_plan.h"

namespace edgetp::testing {

inline bool Same(const ComputeStep& a, const ComputeStep& b) {
  return a.phase == b.phase && a.layer == b.layer && a.flops == b.flops &&
         a.bytes_touched == b.bytes_touched && a.product_flops == b.product_flops &&
         a.elementwise_bytes == b.elementwise_bytes && a.operations == b.operations;
}

inline bool Same(const CollectiveStep& a, const CollectiveStep& b) {
  return a.tag.traffic == b.tag.traffic && a.tag.phase == b.tag.phase &&
         a.tag.layer == b.tag.layer && a.tag.reduction == b.tag.reduction &&
         a.elements == b.elements && a.wire == b.wire && a.kind == b.kind && a.part == b.part &&
         a.handle == b.handle && a.group == b.group;
}

inline bool Same(const PlanStep& a, const PlanStep& b) {
  if (a.index() != b.index()) return false;
  const auto* compute = std::get_if<ComputeStep>(&a);
  if (compute != nullptr) return Same(*compute, std::get<ComputeStep>(b));
  return Same(std::get<CollectiveStep>(a), std::get<CollectiveStep>(b));
}

inline void ExpectSamePlan(const StepPlan& a, const StepPlan& b) {
  EXPECT_EQ(a.world_size, b.world_size);
  EXPECT_EQ(a.parameters, b.parameters);
  EXPECT_EQ(a.total_parameters, b.total_parameters);
  ASSERT_EQ(a.steps.size(), b.steps.size());
  for (size_t rank = 0; rank < a.steps.size(); ++rank) {
    EXPECT_EQ(a.memory[rank].total_bytes(), b.memory[rank].total_bytes()) << rank;
    ASSERT_EQ(a.steps[rank].size(), b.steps[rank].size()) << rank;
    for (size_t i = 0; i < a.steps[rank].size(); ++i)
      EXPECT_TRUE(Same(a.steps[rank][i], b.steps[rank][i])) << "rank " << rank << ", step " << i;
  }
}

}  // namespace edgetp::testing
