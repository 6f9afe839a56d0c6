#include "common/simulate/compute_cost.h"

#include <gtest/gtest.h>

namespace edgetp {
namespace {

std::vector<PlanStep> Steps() {
  return {ComputeStep{Phase::kForward, 0, 2e9, 0}, ComputeStep{Phase::kForward, 1, 1e9, 9e9},
          CollectiveStep{CollectiveTag{}, 10, 40}, CollectiveStep{CollectiveTag{}, 10, 40},
          ComputeStep{Phase::kBackward, 0, 4e9, 1e9}};
}

DeviceOptions Device() {
  DeviceOptions device;
  device.flops_per_second = 1e9;
  device.memory_bytes_per_second = 3e9;
  return device;
}

TEST(ComputeCostTest, StepsTakeTheSlowerOfArithmeticAndMemory) {
  EXPECT_EQ(
      SegmentDurations(Steps(), Device()),
      (std::vector<absl::Duration>{absl::Seconds(5), absl::ZeroDuration(), absl::Seconds(4)}));
}

TEST(ComputeCostTest, ZeroMeansUnlimited) {
  EXPECT_EQ(SegmentDurations(Steps(), {}), std::vector<absl::Duration>(3));
}

// Of a calibrated host, with round numbers.
DeviceOptions CalibratedHost() {
  DeviceOptions device;
  device.flops_per_second = 1e9;
  device.elementwise_bytes_per_second = 1e9;
  device.optimizer_bytes_per_second = 2e9;
  device.operation_overhead = absl::Milliseconds(1);
  device.segment_overhead = absl::Milliseconds(10);
  device.memory_bytes_per_second = 1;  // for the roofline alone
  return device;
}

TEST(ComputeCostTest, ACalibratedHostTakesTheSumOfWhatAStepConsistsOf) {
  const std::vector<PlanStep> steps = {ComputeStep{Phase::kForward, 0, 0, 0, 2e9, 1e9, 5},
                                       CollectiveStep{CollectiveTag{}, 10, 40},
                                       ComputeStep{Phase::kOptimizer, -1, 7e9, 6e9, 0, 0, 1}};
  EXPECT_EQ(SegmentDurations(steps, CalibratedHost()),
            (std::vector<absl::Duration>{absl::Milliseconds(2000 + 1000 + 5 + 10),
                                         absl::Milliseconds(3000 + 1 + 10)}));
}

TEST(ComputeCostTest, AStepWithoutCollectivesPaysForNoSegment) {
  const std::vector<PlanStep> steps = {ComputeStep{Phase::kForward, 0, 0, 0, 1e9, 0, 1}};
  EXPECT_EQ(SegmentDurations(steps, CalibratedHost()),
            std::vector<absl::Duration>{absl::Milliseconds(1001)});
}

// Between two waits there may be starts: they cut the segment, and wake nobody.
TEST(ComputeCostTest, OnlyWhatTheRankWaitedForMakesASegmentDearer) {
  std::vector<PlanStep> steps;
  const auto add = [&steps](CollectivePart part, int64_t handle) {
    CollectiveStep step{CollectiveTag{}, 10, 40};
    step.part = part;
    step.handle = handle;
    steps.emplace_back(step);
  };
  add(CollectivePart::kBoth, -1);
  add(CollectivePart::kStart, 0);
  add(CollectivePart::kStart, 1);
  add(CollectivePart::kWait, 0);
  add(CollectivePart::kWait, 1);
  std::vector<bool> beside;
  for (const SegmentWork& work : SegmentWorks(steps)) beside.push_back(work.beside_collective);
  EXPECT_EQ(beside, (std::vector<bool>{true, true, false, false, true, true}));
}

TEST(ComputeCostTest, WhatAPlanDoesNotTellApartIsPricedByTheRoofline) {
  DeviceOptions device = CalibratedHost();
  device.memory_bytes_per_second = 3e9;
  EXPECT_EQ(SegmentDurations(Steps(), device), SegmentDurations(Steps(), Device()));
}

TEST(ComputeCostTest, SoftwareTakesForAMessageWhatTheLinkDoesNotHide) {
  DeviceOptions device;
  device.message_overhead = absl::Microseconds(10);
  device.message_bytes_per_second = 1e9;
  EXPECT_EQ(SendingTime(device, 1'000'000, 0), absl::Microseconds(1010));
  EXPECT_EQ(SendingTime(device, 1'000'000, 16e9), absl::Microseconds(510));
  EXPECT_EQ(SendingTime(device, 1'000'000, 1e9), absl::Microseconds(10)) << "the link is slower";
  EXPECT_EQ(SendingTime({}, 1'000'000, 0), absl::ZeroDuration());
}

TEST(ComputeCostTest, EachRankHasItsOwnDeviceOrAllTheSame) {
  StepPlan plan;
  plan.world_size = 2;
  plan.steps = {Steps(), Steps()};
  EXPECT_EQ(BuildComputeTable(plan, {Device()})[1][0], absl::Seconds(5));
  EXPECT_EQ(BuildComputeTable(plan, {Device(), {}})[1][0], absl::ZeroDuration());
}

TEST(ComputeCostTest, ReadsADeviceProfile) {
  v1::DeviceProfile profile;
  profile.set_flops_per_second(70e9);
  profile.set_memory_bytes_per_second(9e9);
  profile.set_message_overhead_us(120);
  profile.set_staging_bytes_per_second(2e9);
  const DeviceOptions device = ToDeviceOptions(profile);
  EXPECT_EQ(device.flops_per_second, 70e9);
  EXPECT_EQ(device.memory_bytes_per_second, 9e9);
  EXPECT_EQ(device.message_overhead, absl::Microseconds(120));
  EXPECT_EQ(device.staging_bytes_per_second, 2e9);
}

}  // namespace
}  // namespace edgetp
