#include "common/search/search_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/search/found.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

const v1::SearchRow& RowOf(const v1::SearchReport& report, const std::string& pattern) {
  for (const v1::SearchRow& row : report.rows()) {
    if (row.pattern() == pattern) return row;
  }
  ADD_FAILURE() << "no row of " << pattern;
  return v1::SearchRow::default_instance();
}

v1::SearchReport ReportWithin(const std::string& budget) {
  return BuildSearchReport(TwoLayers(), Found(), *ParseLossBudget(budget), 768);
}

TEST(SearchReportTest, TheChosenPatternIsTheFastestWithinTheBudget) {
  EXPECT_EQ(ReportWithin("0%").chosen(), "tt");
  EXPECT_EQ(ReportWithin("1%").chosen(), "st");
  EXPECT_EQ(ReportWithin("0.02").chosen(), "st");
  EXPECT_EQ(ReportWithin("10%").chosen(), "ss");
  EXPECT_EQ(ReportWithin("0.1").chosen(), "ss");
}

TEST(SearchReportTest, RowsHaveWhatTheirLossesAndTimesSay) {
  const v1::SearchReport report = ReportWithin("1%");
  EXPECT_EQ(report.baseline(), "tt");
  EXPECT_EQ(report.compared_amount(), 100);
  EXPECT_NEAR(report.loss_limit(), 2.02, 1e-12);
  EXPECT_EQ(report.mixtures(), 4);
  EXPECT_EQ(report.candidates(), 4);
  const v1::SearchRow& row = RowOf(report, "st");
  EXPECT_EQ(row.sync_points_forward(), 3);
  EXPECT_TRUE(row.on_front());
  EXPECT_TRUE(row.within_budget());
  EXPECT_NEAR(row.saved_share(), 0.25, 1e-12);
  EXPECT_NEAR(row.tokens_per_second(), 768 / 0.3, 1e-9);
  ASSERT_EQ(row.losses_size(), 2);
  EXPECT_NEAR(row.losses(1).change_share(), 0.005, 1e-12);
  EXPECT_FALSE(row.losses(1).has_change_share_low());
}

// `ts` was left behind at 50, where the baseline's loss was another one.
TEST(SearchReportTest, ALossIsComparedWithThatOfAsManyStepsAlone) {
  const v1::SearchReport report = ReportWithin("50%");
  const v1::SearchRow& left = report.rows(report.rows_size() - 1);
  EXPECT_EQ(left.pattern(), "ts");
  ASSERT_EQ(left.losses_size(), 1);
  EXPECT_EQ(left.losses(0).amount(), 50);
  EXPECT_NEAR(left.losses(0).change_share(), 3.3 / 3.0 - 1, 1e-12);
  EXPECT_FALSE(left.on_front());
  EXPECT_FALSE(left.within_budget());
}

TEST(SearchReportTest, BlocksHaveTheirChangesByTheShortestTrials) {
  const v1::SearchReport report = ReportWithin("1%");
  ASSERT_EQ(report.blocks_size(), 2);
  EXPECT_EQ(report.blocks(1).block(), 2);
  EXPECT_EQ(report.blocks(1).letter(), "s");
  EXPECT_NEAR(report.blocks(1).loss().change_share(), 0.1, 1e-12);
}

TEST(SearchReportTest, SeedsSayWhatIsNoise) {
  SearchOptions options = TwoLayers();
  options.seeds = 3;
  SearchResult result = Found();
  result.candidates[0].losses = {{3.0, 3.1, 3.2}, {2.0, 2.1, 2.2}};
  // The same seeds, so always 0.01 more: known well, however much the seeds differ.
  result.candidates[1].losses = {{3.01, 3.11, 3.21}, {2.011, 2.109, 2.21}};
  result.candidates[2].losses = {{2.9, 3.2, 3.25}};
  result.candidates[3].losses = {{3.0, 3.1, 3.3}, {2.0, 2.2, 2.15}};
  const v1::SearchReport report = BuildSearchReport(options, result, {}, 768);
  EXPECT_FALSE(RowOf(report, "st").within_noise());
  EXPECT_TRUE(RowOf(report, "ss").within_noise());
  const v1::SearchLoss& loss = RowOf(report, "st").losses(1);
  EXPECT_LT(loss.change_share_low(), loss.change_share());
  EXPECT_GT(loss.change_share_low(), 0);
  EXPECT_EQ(loss.seed_losses_size(), 3);
}

TEST(SearchReportTest, AnIntervalIsStudents) {
  const Interval interval = MeanInterval({1, 2, 3});
  EXPECT_NEAR(interval.low, 2 - 2.484, 1e-3);
  EXPECT_NEAR(interval.high, 2 + 2.484, 1e-3);
}

TEST(LossBudgetTest, IsAPercentageOrADifference) {
  EXPECT_NEAR(ParseLossBudget("1%")->LimitFor(2), 2.02, 1e-12);
  EXPECT_NEAR(ParseLossBudget("0.5 %")->LimitFor(2), 2.01, 1e-12);
  EXPECT_NEAR(ParseLossBudget("0.03")->LimitFor(2), 2.03, 1e-12);
  EXPECT_NEAR(ParseLossBudget("0")->LimitFor(2), 2, 1e-12);
  for (const char* text : {"", "%", "-1%", "101%", "-0.1", "nan", "inf", "little", "1%%"}) {
    const auto budget = ParseLossBudget(text);
    EXPECT_EQ(budget.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(budget.status().message()), HasSubstr("must be a percentage")) << text;
  }
}

}  // namespace
}  // namespace edgetp
