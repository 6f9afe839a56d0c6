// Lists in which collectives start and are waited for.
#include <gtest/gtest.h>

#include "common/plan/step_plan.h"

namespace edgetp {
namespace {

PlanStep Entry(CollectivePart part, int64_t handle = -1) {
  CollectiveStep step{CollectiveTag{}, 10, 40};
  step.part = part;
  step.handle = handle;
  return step;
}

PlanStep Start(int64_t handle) { return Entry(CollectivePart::kStart, handle); }
PlanStep Wait(int64_t handle) { return Entry(CollectivePart::kWait, handle); }
PlanStep Blocking() { return Entry(CollectivePart::kBoth); }
PlanStep Compute() { return ComputeStep{Phase::kForward, 0, 1, 1}; }

TEST(HandlesTest, ACollectiveInTwoPartsIsOneCollectiveAndTwoEntries) {
  const std::vector<PlanStep> steps = {Compute(), Start(0), Compute(), Wait(0), Blocking()};
  EXPECT_EQ(Collectives(steps).size(), 2u);
  ASSERT_EQ(CollectiveEntries(steps).size(), 3u);
  EXPECT_EQ(CollectiveEntries(steps)[1].part, CollectivePart::kWait);
}

TEST(HandlesTest, WhatStartsIsWaitedForOnceInAnyOrder) {
  EXPECT_TRUE(CheckHandles({Start(0), Blocking(), Start(1), Wait(1), Compute(), Wait(0)}).ok());
  EXPECT_TRUE(CheckHandles({Blocking(), Compute()}).ok());
  for (const std::vector<PlanStep>& wrong : {std::vector<PlanStep>{Start(0)},
                                             {Wait(0)},
                                             {Start(1), Wait(1)},
                                             {Wait(0), Start(0)},
                                             {Start(0), Wait(0), Wait(0)},
                                             {Start(0), Wait(-1), Wait(0)}}) {
    EXPECT_EQ(CheckHandles(wrong).code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace edgetp
