// What overlap makes of a step plan: when a rank starts, computes and waits, and what stays as it is.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/plan/regions.h"
#include "common/plan/step_plan.h"

namespace edgetp {
namespace {

PlanOptions Options(const std::string& pattern, const std::string& overlap, int workers = 2,
                    int batch = 12) {
  PlanOptions options;
  options.pattern = *Pattern::Parse(pattern, 0);
  options.shape = {options.pattern.layers(), 4, 128, 64, 65, true};
  options.world_size = workers;
  options.batch = batch;
  options.overlap = *Overlap::Parse(overlap);
  return options;
}

StepPlan PlanOf(const PlanOptions& options) {
  absl::StatusOr<StepPlan> plan = BuildStepPlan(options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  for (const auto& steps : plan->steps) EXPECT_EQ(CheckHandles(steps), absl::OkStatus());
  return *std::move(plan);
}

// "c" for a computation, "B" for a blocking collective, "S3" and "W3" for the start of number 3 and
// the wait for it.
std::string Outline(const PlanOptions& options) {
  std::string outline;
  const StepPlan plan = PlanOf(options);
  for (const PlanStep& step : plan.steps[0]) {
    std::string word = "c";
    if (const auto* sum = std::get_if<CollectiveStep>(&step)) {
      word = sum->part == CollectivePart::kBoth
                 ? "B"
                 : absl::StrCat(sum->part == CollectivePart::kStart ? "S" : "W", sum->handle);
    }
    absl::StrAppend(&outline, outline.empty() ? "" : " ", word);
  }
  return outline;
}

TEST(OverlapPlanTest, WithoutOverlapEverySumBlocks) {
  EXPECT_EQ(Outline(Options("t", "NONE")), "c c B c B c c c B c B c B c");
}

TEST(OverlapPlanTest, DwStartsAGradientsSumBeforeTheProductsForWeights) {
  EXPECT_EQ(Outline(Options("t", "DW")), "c c B c B c c c S0 c W0 c S1 c W1 c B c");
  EXPECT_EQ(Outline(Options("s", "DW")), "c c B c c c S0 c W0 c B B c");
}

TEST(OverlapPlanTest, DwPutsTheProductsOfAWholeRunOffUntilItsSum) {
  EXPECT_EQ(Outline(Options("ppp", "DW")), "c c c c B c c c c c S0 c c c W0 c B B c");
}

TEST(OverlapPlanTest, RowsWaitForAGroupsSumBeforeThatGroupGoesOn) {
  EXPECT_EQ(
      Outline(Options("t", "ROWS(2)")),
      "c c c S0 c S1 W0 c S2 W1 c S3 W2 c W3 c "  // forward, heads last
      "c c c S4 c S5 W4 c S6 W5 c S7 W6 W7 c c "  // backward, from the last group to the first
      "B c");
}

TEST(OverlapPlanTest, ARunOfAGroupIsComputedAtAStretch) {
  EXPECT_EQ(Outline(Options("pp", "ROWS(2)")),
            "c c c c S0 c c S1 W0 c W1 c "
            "c c c c S2 c c S3 W2 W3 c c "
            "B B c");
}

TEST(OverlapPlanTest, OneWorkerHasNothingToHide) {
  const std::string alone = Outline(Options("tsp", "NONE", 1));
  EXPECT_EQ(Outline(Options("tsp", "DW", 1)), alone);
  EXPECT_EQ(Outline(Options("tsp", "ROWS(3)", 1)), alone);
}

struct Totals {
  double flops = 0, bytes_touched = 0, product_flops = 0;
  int64_t elements = 0, wire_bytes = 0;
  int sums = 0;
};

Totals TotalsOf(const std::vector<PlanStep>& steps) {
  Totals totals;
  for (const PlanStep& step : steps) {
    if (const auto* compute = std::get_if<ComputeStep>(&step)) {
      totals.flops += compute->flops;
      totals.bytes_touched += compute->bytes_touched;
      totals.product_flops += compute->product_flops;
      EXPECT_GE(compute->elementwise_bytes, 0);
      EXPECT_GE(compute->bytes_touched, 0);
    } else if (std::get<CollectiveStep>(step).part != CollectivePart::kWait) {
      totals.elements += std::get<CollectiveStep>(step).elements;
      totals.wire_bytes += std::get<CollectiveStep>(step).wire_bytes;
      ++totals.sums;
    }
  }
  return totals;
}

TEST(OverlapPlanTest, DwMovesWorkAndAddsNone) {
  for (const char* pattern : {"tt", "ss", "sppp", "tpps", "gdl", "t~2t~2t~2", "t@0.5t@0.5"}) {
    const Totals want = TotalsOf(PlanOf(Options(pattern, "NONE")).steps[1]);
    const Totals got = TotalsOf(PlanOf(Options(pattern, "DW")).steps[1]);
    EXPECT_EQ(got.flops, want.flops) << pattern;
    EXPECT_EQ(got.bytes_touched, want.bytes_touched) << pattern;
    EXPECT_EQ(got.product_flops, want.product_flops) << pattern;
    EXPECT_EQ(got.wire_bytes, want.wire_bytes) << pattern;
    EXPECT_EQ(got.sums, want.sums) << pattern;
  }
}

TEST(OverlapPlanTest, RowsCutEverySumOfActivationsAndNoOther) {
  for (const char* pattern : {"tt", "ss", "sppp", "tpps", "gdl", "t~2t~2t~2", "t@0.5t@0.5"}) {
    for (const auto& [overlap, groups] : {std::pair("ROWS(2)", 2), std::pair("ROWS(5)", 5)}) {
      const PlanOptions options = Options(pattern, overlap);
      const Totals want = TotalsOf(PlanOf(Options(pattern, "NONE")).steps[1]);
      const Totals got = TotalsOf(PlanOf(options).steps[1]);
      const int activations = 2 * options.pattern.ForwardSyncPoints();
      EXPECT_EQ(got.flops, want.flops) << pattern << overlap;  // weights are read more often
      EXPECT_EQ(got.elements, want.elements) << pattern << overlap;
      EXPECT_EQ(got.wire_bytes, want.wire_bytes) << pattern << overlap;
      EXPECT_EQ(got.sums - activations * groups, want.sums - activations) << pattern << overlap;
    }
  }
}

TEST(OverlapPlanTest, MoreGroupsThanSequencesAreRefusedButByAnEvaluation) {
  const PlanOptions options = Options("tt", "ROWS(3)", 2, 2);
  EXPECT_EQ(BuildStepPlan(options).status().code(), absl::StatusCode::kInvalidArgument);
  const absl::StatusOr<StepPlan> evaluation = BuildEvaluationPlan(options);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  EXPECT_EQ(CollectiveEntries(evaluation->steps[0]).size(), 4u);
}

TEST(RegionsTest, ARegionLiesBetweenTwoSums) {
  const std::vector<Region> regions = RegionsOf(*Pattern::Parse("tsppt", 0));
  std::vector<size_t> stages;
  for (const Region& region : regions) stages.push_back(region.stages.size());
  EXPECT_EQ(stages, (std::vector<size_t>{1, 1, 1, 2, 1, 1}));
  EXPECT_EQ(regions[3].stages[0].layer, 2);
  EXPECT_EQ(regions[3].stages[1].layer, 3);
}

TEST(RegionsTest, WithoutSlackAllRegionsAreOneChain) {
  const std::vector<Region> regions = RegionsOf(*Pattern::Parse("tspp", 0));
  for (size_t i = 0; i < regions.size(); ++i) {
    EXPECT_EQ(regions[i].begins_chain, i == 0) << i;
    EXPECT_FALSE(regions[i].ends_chain) << i;
  }
}

}  // namespace
}  // namespace edgetp
