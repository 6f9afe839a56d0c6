#include "worker/calibrate.h"

#include <gtest/gtest.h>

#include "common/simulate/compute_cost.h"

namespace edgetp {
namespace {

// One step that arithmetic decides, one that memory does.
std::vector<PlanStep> Steps() {
  return {ComputeStep{Phase::kForward, 0, 1e9, 1e6}, ComputeStep{Phase::kForward, 1, 1e3, 1e8}};
}

double SecondsAt(double flops_per_second) {
  absl::Duration sum;
  for (const absl::Duration segment : SegmentDurations(
           Steps(), {.flops_per_second = flops_per_second, .memory_bytes_per_second = 1e10}))
    sum += segment;
  return absl::ToDoubleSeconds(sum);
}

TEST(CalibrateTest, TheRateGivesBackTheTimeThatWasMeasured) {
  const double rate = FittingFlops(Steps(), 1e10, 0.11, 1e12);
  EXPECT_NEAR(rate, 1e10, 1e3);
  EXPECT_NEAR(SecondsAt(rate), 0.11, 1e-8);
}

TEST(CalibrateTest, WhereMemoryAloneTakesLongerTheRateIsThatOfTheProducts) {
  EXPECT_EQ(FittingFlops(Steps(), 1e10, 0.005, 1e12), 1e12);
}

}  // namespace
}  // namespace edgetp
