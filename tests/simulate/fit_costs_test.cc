#include "common/simulate/fit_costs.h"

#include <gtest/gtest.h>

namespace edgetp {
namespace {

DeviceOptions Truth() {
  DeviceOptions device;
  device.flops_per_second = 2e11;
  device.elementwise_bytes_per_second = 2.5e10;
  device.optimizer_bytes_per_second = 5e10;
  device.operation_overhead = absl::Nanoseconds(700);
  device.segment_overhead = absl::Microseconds(30);
  return device;
}

// What `device` would have been measured to take for steps of one segment each.
std::vector<MeasuredStep> Measure(const std::vector<SegmentWork>& works,
                                  const DeviceOptions& device) {
  std::vector<MeasuredStep> steps;
  for (const SegmentWork& work : works)
    steps.push_back({{work, absl::ToDoubleSeconds(DurationOf(work, device))}});
  return steps;
}

// Few and many operations, arithmetic and memory, with and without a collective.
std::vector<SegmentWork> Works() {
  return {{1e8, 2e6, 0, 6, true},   {4e8, 1e6, 0, 5, true},     {1e7, 8e6, 0, 30, true},
          {2e9, 3e7, 0, 60, false}, {0, 0, 2.4e7, 1, true},     {5e7, 4e5, 3e6, 12, false},
          {3e6, 2e5, 0, 6, true},   {8e8, 2.5e7, 1e7, 9, false}};
}

TEST(FitCostsTest, GivesBackTheRatesThatMadeTheMeasurements) {
  DeviceOptions fitted;
  FitCompute(Measure(Works(), Truth()), &fitted);
  EXPECT_NEAR(fitted.flops_per_second, 2e11, 1e8);
  EXPECT_NEAR(fitted.elementwise_bytes_per_second, 2.5e10, 1e7);
  EXPECT_NEAR(fitted.optimizer_bytes_per_second, 5e10, 5e7);
  EXPECT_NEAR(absl::ToDoubleMicroseconds(fitted.operation_overhead), 0.7, 0.01);
  EXPECT_NEAR(absl::ToDoubleMicroseconds(fitted.segment_overhead), 30, 0.1);
}

TEST(FitCostsTest, WhatCostsNothingIsFree) {
  DeviceOptions truth = Truth();
  truth.operation_overhead = truth.segment_overhead = absl::ZeroDuration();
  DeviceOptions fitted;
  FitCompute(Measure(Works(), truth), &fitted);
  EXPECT_LT(fitted.operation_overhead, absl::Nanoseconds(1));
  EXPECT_LT(fitted.segment_overhead, absl::Nanoseconds(10));
}

TEST(FitCostsTest, NoMeasurementSetsNothing) {
  DeviceOptions fitted;
  FitCompute({}, &fitted);
  FitMessages({}, &fitted);
  EXPECT_EQ(fitted.flops_per_second, 0);
  EXPECT_EQ(fitted.message_bytes_per_second, 0);
}

TEST(FitCostsTest, MessagesCostSomethingEachAndForTheirBytes) {
  // 15 us at each end, and 2 GB/s.
  std::vector<MeasuredMessages> steps;
  for (const double bytes : {1e3, 4e5, 6e6})
    steps.push_back({16, bytes, 16 * 2 * 15e-6 + bytes / 2e9});
  DeviceOptions fitted;
  FitMessages(steps, &fitted);
  EXPECT_NEAR(absl::ToDoubleMicroseconds(fitted.message_overhead), 15, 0.01);
  EXPECT_NEAR(fitted.message_bytes_per_second, 2e9, 1e6);
}

TEST(NonNegativeLeastSquaresTest, ATermThatWouldBeNegativeIsZeroAndTheOthersFitWithoutIt) {
  // Alone, x0 = 2 fits; with x1 = -1 it would fit better.
  const std::vector<double> x =
      NonNegativeLeastSquares({{1, 0}, {1, 1}, {1, 2}}, {3, 2, 1});
  EXPECT_NEAR(x[0], 2, 1e-9);
  EXPECT_EQ(x[1], 0);
}

TEST(NonNegativeLeastSquaresTest, AColumnOfZerosIsLeftOut) {
  const std::vector<double> x = NonNegativeLeastSquares({{0, 2}, {0, 4}}, {2, 4});
  EXPECT_EQ(x[0], 0);
  EXPECT_NEAR(x[1], 1, 1e-9);
}

}  // namespace
}  // namespace edgetp
