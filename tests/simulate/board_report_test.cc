#include "common/simulate/board_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/config/load.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

v1::BoardScenario Shipped() {
  const ConfigLibrary library({EDGETP_SOURCE_DIR "/configs"});
  return library.Scenario("raspberry-pi-tp").value();
}

const v1::BoardRowReport& Row(const v1::BoardSetReport& set, const std::string& model, int boards) {
  for (const v1::BoardRowReport& row : set.rows()) {
    if (row.model() == model && row.boards() == boards) return row;
  }
  ADD_FAILURE() << "no row of " << model << " on " << boards;
  return set.rows(0);
}

TEST(FitMessageOverheadTest, FindsTheCostToANanosecond) {
  const auto line = [](absl::Duration overhead) -> absl::StatusOr<double> {
    return 0.5 + 100 * absl::ToDoubleSeconds(overhead);
  };
  EXPECT_LE(absl::AbsDuration(FitMessageOverhead(line, 0.51).value() - absl::Microseconds(100)),
            absl::Nanoseconds(1));
  EXPECT_LE(absl::AbsDuration(FitMessageOverhead(line, 0.5).value()), absl::Nanoseconds(1));
}

TEST(FitMessageOverheadTest, ATimeThatNoCostExplainsIsRefused) {
  const auto line = [](absl::Duration overhead) -> absl::StatusOr<double> {
    return 0.5 + absl::ToDoubleSeconds(overhead);
  };
  for (const double seconds : {0.4, 0.7, std::nan("")}) {
    EXPECT_THAT(std::string(FitMessageOverhead(line, seconds).status().message()),
                HasSubstr("no software cost of a message fits"));
  }
}

TEST(BoardReportTest, FittedRowsAreMetAndNoOthersAre) {
  const v1::BoardReport report = PredictBoards(Shipped()).value();
  for (const v1::BoardSetReport& set : report.sets()) {
    for (const v1::BoardRowReport& row : set.rows()) {
      if (row.use() == "predict") {
        EXPECT_GT(std::abs(row.error_share()), 1e-3) << row.model() << " " << row.boards();
      } else {
        EXPECT_NEAR(row.error_share(), 0, 1e-5) << row.model() << " " << row.boards();
      }
    }
  }
}

// The published figures are whole numbers of KiB, cut off separately for each direction.
TEST(BoardReportTest, ThePlanGivesThePublishedBytes) {
  const v1::BoardReport report = PredictBoards(Shipped()).value();
  for (const v1::BoardSetReport& set : report.sets()) {
    for (const v1::BoardRowReport& row : set.rows()) {
      EXPECT_GE(row.transfer_bytes(), row.published_transfer_bytes());
      EXPECT_LE(row.transfer_bytes(), row.published_transfer_bytes() + 2 * 1024)
          << row.model() << " " << row.boards();
    }
  }
}

TEST(BoardReportTest, FourBoardsAreFasterThanTwoAndEightSlowerThanFour) {
  const v1::BoardReport report = PredictBoards(Shipped()).value();
  const v1::BoardSetReport& set = report.sets(0);
  for (const char* model : {"llama-2-7b", "llama-2-13b"}) {
    EXPECT_LT(Row(set, model, 4).ratio(), 1) << model;
    EXPECT_GT(Row(set, model, 8).ratio(), 1) << model;
    EXPECT_GT(Row(set, model, 8).published_ratio(), 1) << model;
  }
  EXPECT_LT(Row(report.sets(1), "llama-3-8b", 4).ratio(), 1);
}

TEST(BoardReportTest, TheRootsTermsAddUpToTheToken) {
  const v1::BoardReport report = PredictBoards(Shipped()).value();
  for (const v1::BoardRowReport& row : report.sets(0).rows()) {
    const v1::Breakdown& terms = row.breakdown_seconds();
    EXPECT_NEAR(terms.compute() + terms.software() + terms.queueing() + terms.serialization() +
                    terms.propagation() + terms.jitter() + terms.straggler(),
                row.token_seconds(), 1e-8);
    EXPECT_DOUBLE_EQ(row.compute_seconds() + row.transfer_seconds(), row.token_seconds());
  }
}

TEST(BoardReportTest, AFitThatFailsNamesSetAndRow) {
  v1::BoardScenario scenario = Shipped();
  scenario.mutable_sets(0)->mutable_rows(1)->set_token_ms(1);
  EXPECT_THAT(std::string(PredictBoards(scenario).status().message()),
              HasSubstr("January 2024: llama-2-7b on two boards: no software cost"));
}

}  // namespace
}  // namespace edgetp
