#include "worker/job/calibrate.h"

#include <gtest/gtest.h>

namespace edgetp {
namespace {

// A step of two segments on a host of 100 GFLOP/s whose segments cost 20 us each.
MeasuredShape ShapeOf(const char* name, double flops) {
  MeasuredShape shape;
  shape.name = name;
  const double seconds = flops / 1e11 + 20e-6;
  shape.compute_seconds = 2 * seconds;
  const SegmentWork work{.product_flops = flops, .beside_collective = true};
  shape.segments = {2, {work, seconds}};
  shape.messages = {{4, 1e6, 4 * 2 * 10e-6 + 1e6 / 5e9}, {4, 4e6, 4 * 2 * 10e-6 + 4e6 / 5e9}};
  return shape;
}

TEST(CalibrateTest, TheReportHasTheRatesThatExplainEveryShape) {
  v1::CalibrateReport report;
  ReportFit({ShapeOf("small", 1e6), ShapeOf("large", 1e9)}, &report);
  EXPECT_NEAR(report.flops_per_second(), 1e11, 1e8);
  EXPECT_NEAR(report.segment_overhead_us(), 20, 0.1);
  EXPECT_NEAR(report.message_overhead_us(), 10, 0.1);
  EXPECT_NEAR(report.message_bytes_per_second(), 5e9, 1e7);
  EXPECT_EQ(report.elementwise_bytes_per_second(), 0) << "nothing of it was measured";
}

TEST(CalibrateTest, EachShapeStandsBesideWhatTheFitSaysOfIt) {
  v1::CalibrateReport report;
  ReportFit({ShapeOf("small", 1e6), ShapeOf("large", 1e9)}, &report);
  ASSERT_EQ(report.shapes_size(), 2);
  EXPECT_EQ(report.shapes(1).name(), "large");
  EXPECT_NEAR(report.shapes(1).compute_seconds(), 2 * (1e9 / 1e11 + 20e-6), 1e-9);
  EXPECT_NEAR(report.shapes(1).fitted_seconds(), report.shapes(1).compute_seconds(), 1e-6);
}

}  // namespace
}  // namespace edgetp
