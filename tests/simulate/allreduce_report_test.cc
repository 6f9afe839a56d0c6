#include "common/simulate/allreduce_report.h"

#include <gtest/gtest.h>

#include "common/collective/registry.h"

namespace edgetp {
namespace {

AllReduceProblem Problem(int64_t elements) {
  AllReduceProblem problem;
  problem.world_size = 4;
  problem.elements = elements;
  problem.network.name = "home";
  problem.network.link.delay = absl::Milliseconds(3);
  problem.network.link.rate_bits_per_second = 300e6;
  return problem;
}

TEST(AllReduceReportTest, ARowHasTheCostsOfItsAlgorithm) {
  v1::AllReduceReport report;
  ASSERT_TRUE(AppendPrices(Problem(840'000), {"ring"}, &report).ok());
  const v1::AllReducePrice& row = report.rows(0);
  EXPECT_EQ(row.bytes(), 3'360'000);
  EXPECT_EQ(row.workers(), 4);
  EXPECT_EQ(row.network(), "home");
  EXPECT_EQ(row.dependent_steps(), 6);
  EXPECT_NEAR(row.seconds(), 6 * (0.003 + 8 * 840e3 / 300e6), 1e-6);
  EXPECT_EQ(row.bytes_on_the_wire_per_rank(), 1.5 * 3'360'000);
}

TEST(AllReduceReportTest, OneOfARowsGroupIsTheCheapest) {
  v1::AllReduceReport report;
  std::vector<std::string> names;
  for (const Algorithm& algorithm : Algorithms()) names.push_back(algorithm.name);
  ASSERT_TRUE(AppendPrices(Problem(10), names, &report).ok());
  ASSERT_TRUE(AppendPrices(Problem(10'000'000), names, &report).ok());
  int cheapest = 0;
  for (const v1::AllReducePrice& row : report.rows()) {
    if (!row.cheapest()) continue;
    ++cheapest;
    EXPECT_EQ(row.algorithm(), row.bytes() < 1000 ? "direct" : "ring_sliced");
  }
  EXPECT_EQ(cheapest, 2);
}

// A sliced ring is a delay faster, and sums in another order.
TEST(AllReduceReportTest, AutoTakesTheCheapestThatSumsInRankOrder) {
  v1::AllReduceReport report;
  std::vector<std::string> names;
  for (const Algorithm& algorithm : Algorithms()) names.push_back(algorithm.name);
  ASSERT_TRUE(AppendPrices(Problem(10), names, &report).ok());
  ASSERT_TRUE(AppendPrices(Problem(10'000'000), names, &report).ok());
  for (const v1::AllReducePrice& row : report.rows()) {
    EXPECT_EQ(row.chosen_by_auto(),
              row.algorithm() == std::string(row.bytes() < 1000 ? "direct" : "two_phase"));
  }
}

TEST(AllReduceReportTest, AutoIsTheOneThatItChooses) {
  v1::AllReduceReport report;
  ASSERT_TRUE(AppendPrices(Problem(10), {"auto"}, &report).ok());
  EXPECT_EQ(report.rows(0).algorithm(), "direct");
}

TEST(AllReduceReportTest, ARowSaysHowWellItIsKnown) {
  v1::AllReduceReport report;
  AllReduceProblem problem = Problem(10);
  ASSERT_TRUE(AppendPrices(problem, {"direct"}, &report).ok());
  problem.network.link.jitter = absl::Milliseconds(1);
  ASSERT_TRUE(AppendPrices(problem, {"direct"}, &report).ok());
  EXPECT_EQ(report.rows(0).draws(), 1);
  EXPECT_EQ(report.rows(0).seconds_low(), report.rows(0).seconds());
  EXPECT_GE(report.rows(1).draws(), 32);
  EXPECT_LT(report.rows(1).seconds_low(), report.rows(1).seconds());
  EXPECT_GT(report.rows(1).seconds_high(), report.rows(1).seconds());
}

TEST(AllReduceReportTest, AnUnknownAlgorithmIsInvalid) {
  v1::AllReduceReport report;
  EXPECT_EQ(AppendPrices(Problem(10), {"rign"}, &report).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(AllReduceReportTest, AFormatChangesWhatIsOnTheWireAndNotTheSizeThatWasAsked) {
  AllReduceProblem problem = Problem(320);
  problem.wire = WireFormat::Parse("int8:g32").value();
  v1::AllReduceReport report;
  ASSERT_TRUE(AppendPrices(problem, {"direct"}, &report).ok());
  EXPECT_EQ(report.rows(0).bytes(), 1280);
  EXPECT_EQ(report.rows(0).bytes_on_the_wire_per_rank(), 340 * (problem.world_size - 1));
}

}  // namespace
}  // namespace edgetp
