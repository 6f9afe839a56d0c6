// What the modes of overlap save of a whole step, by the plans that workers run.
#include <gtest/gtest.h>

#include <algorithm>

#include "common/simulate/compute_cost.h"
#include "tests/simulate/uniform.h"

namespace edgetp {
namespace {

using testing::ExpectNear;
using testing::UniformOptions;

constexpr double kFlopsPerSecond = 2e9;

StepPlan PlanOf(const std::string& pattern, const std::string& overlap) {
  PlanOptions options;
  options.pattern = *Pattern::Parse(pattern, 0);
  options.shape = {options.pattern.layers(), 4, 128, 64, 65, false};
  options.world_size = 2;
  options.batch = 12;
  options.overlap = *Overlap::Parse(overlap);
  return *BuildStepPlan(options);
}

// Two ranks whose compute takes as long as its arithmetic, over a link of that rate.
absl::Duration StepOf(const StepPlan& plan, double rate_bits_per_second, absl::Duration delay) {
  TimelineOptions options = UniformOptions(2, "direct");
  options.network.link.delay = delay;
  options.network.link.rate_bits_per_second = rate_bits_per_second;
  const DeviceOptions device{.flops_per_second = kFlopsPerSecond};
  return testing::RunOnce(options, plan, BuildComputeTable(plan, {device})).duration;
}

// What runs between a start and the wait for it.
std::vector<absl::Duration> HiddenWork(const StepPlan& plan) {
  std::vector<absl::Duration> work;
  bool started = false;
  for (const PlanStep& step : plan.steps[0]) {
    if (const auto* sum = std::get_if<CollectiveStep>(&step)) {
      started = sum->part == CollectivePart::kStart;
      if (started) work.emplace_back();
    } else if (started) {
      work.back() += absl::Seconds(std::get<ComputeStep>(step).flops / kFlopsPerSecond);
    }
  }
  return work;
}

TEST(OverlapPlanTest, DwSavesTheShorterOfExchangeAndWeightProductsInEachRegion) {
  for (const char* pattern : {"tttt", "ssss", "sppp", "tspp"}) {
    for (const double rate : {20e6, 300e6, 2e9}) {
      const StepPlan plain = PlanOf(pattern, "NONE"), overlapped = PlanOf(pattern, "DW");
      const absl::Duration exchange = absl::Seconds(8 * 4 * 12 * 64 * 128 / rate);
      absl::Duration saved;
      for (const absl::Duration work : HiddenWork(overlapped)) saved += std::min(exchange, work);
      EXPECT_GT(saved, absl::ZeroDuration());
      ExpectNear(StepOf(overlapped, rate, absl::ZeroDuration()),
                 StepOf(plain, rate, absl::ZeroDuration()) - saved);
    }
  }
}

TEST(OverlapPlanTest, RowsHideMostOfTheShorterOfComputeAndExchangeWhereBytesTakeTheTime) {
  for (const double rate : {100e6, 300e6, 1e9}) {
    const absl::Duration exchange = 16 * absl::Seconds(8 * 4 * 12 * 64 * 128 / rate);
    const absl::Duration plain = StepOf(PlanOf("tttt", "NONE"), rate, absl::ZeroDuration());
    const absl::Duration compute = plain - exchange;
    for (const char* overlap : {"ROWS(2)", "ROWS(3)"}) {
      const absl::Duration rows = StepOf(PlanOf("tttt", overlap), rate, absl::ZeroDuration());
      EXPECT_LT(rows, plain - 0.6 * std::min(compute, exchange)) << overlap << " " << rate;
      EXPECT_GT(rows, std::max(compute, exchange)) << overlap << " " << rate;
    }
  }
}

TEST(OverlapPlanTest, RowsLoseWhereTheDelayTakesTheTime) {
  const absl::Duration delay = absl::Milliseconds(200);
  EXPECT_GT(StepOf(PlanOf("tttt", "ROWS(2)"), 1e9, delay),
            1.5 * StepOf(PlanOf("tttt", "NONE"), 1e9, delay));
}

}  // namespace
}  // namespace edgetp
