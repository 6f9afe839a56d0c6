#include "cli/shared/search_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "common/search/search_report.h"
#include "tests/search/found.h"

namespace edgetp {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

v1::SearchReport ReportOf(const SearchOptions& options, const SearchResult& result,
                          const std::string& budget) {
  v1::SearchReport report = BuildSearchReport(options, result, *ParseLossBudget(budget), 768);
  report.set_model("minigpt");
  report.set_workers(2);
  report.set_network("wifi-5");
  report.set_device("raspberry-pi-5");
  report.set_unit("steps");
  report.set_command("edgetp train --network=wifi-5 --pattern=st");
  return report;
}

TEST(SearchTableTest, SaysWhatWasComparedAndWhatWasLeftBehind) {
  const std::string table = SearchTable(ReportOf(TwoLayers(), Found(), "1%"));
  EXPECT_THAT(table, HasSubstr("minigpt on 2 workers over wifi-5, losses after 100 steps"));
  EXPECT_THAT(table, ContainsRegex("tt +4 +2.0000 +- +400 +1.92K +- +front"));
  EXPECT_THAT(table, ContainsRegex("st +3 +2.0100 +\\+0.50 % +300 +2.56K +25.0 % +front, chosen"));
  EXPECT_THAT(table,
              ContainsRegex("ss +2 +2.0800 +\\+4.00 % +200 +3.84K +50.0 % +front, over bud"));
  EXPECT_THAT(table, ContainsRegex("ts +50 +3.3000 +\\+10.00 % +300"));
  EXPECT_THAT(table, HasSubstr("Tried: 4 of 4 mixtures.\n"));
  EXPECT_THAT(table, HasSubstr("st is the fastest within a loss of at most 2.0200 (1% over tt): it "
                               "saves 25.0 % of a step."));
  EXPECT_THAT(table, HasSubstr("\nedgetp train --network=wifi-5 --pattern=st\n"));
}

TEST(SearchTableTest, SaysWhereNothingFasterStaysWithinTheBudget) {
  const std::string table = SearchTable(ReportOf(TwoLayers(), Found(), "0"));
  EXPECT_THAT(table, HasSubstr("No faster pattern stays within a loss of at most 2.0000"));
}

TEST(SearchTableTest, WhatHasNotEndedChoosesNothingAndSaysWhy) {
  SearchResult result = Found();
  result.candidates[0].losses.pop_back();
  result.candidates[1].losses.pop_back();
  result.candidates[3].losses.clear();
  result.status = absl::CancelledError("interrupted");
  v1::SearchReport report = ReportOf(TwoLayers(), result, "1%");
  report.clear_command();
  const std::string table = SearchTable(report);
  EXPECT_THAT(table, HasSubstr("losses after 50 steps"));
  EXPECT_THAT(table, HasSubstr("NOT COMPLETE: interrupted"));
  EXPECT_THAT(table, HasSubstr("Tried: 3 of 4 mixtures.\n"));
  EXPECT_THAT(table, Not(HasSubstr("chosen")));
}

TEST(SearchTableTest, SeedsGiveIntervalsAndSayWhatIsNoise) {
  SearchOptions options = TwoLayers();
  options.seeds = 2;
  SearchResult result = Found();
  result.candidates[0].losses = {{3.0, 3.2}, {2.0, 2.2}};
  result.candidates[1].losses = {{3.1, 3.2}, {2.04, 2.18}};
  result.candidates[2].losses = {{3.3, 3.4}};
  result.candidates[3].losses = {{3.2, 3.3}, {2.3, 2.4}};
  const std::string table = SearchTable(ReportOf(options, result, "1%"));
  EXPECT_THAT(table, HasSubstr("(mean of 2 seeds, 95 % interval)"));
  EXPECT_THAT(table, ContainsRegex("st +3 +2.1100 +\\+0.48 % \\(-17.68 to \\+18.63\\)"));
  EXPECT_THAT(table, HasSubstr("within the noise of 2 seeds"));
}

TEST(SearchTableTest, FitsInAHundredColumns) {
  SearchOptions options = TwoLayers();
  options.layers = 12;
  options.seeds = 2;
  SearchResult result;
  for (const char* pattern : {"tttttttttttt", "sttttttttttt", "ssssssssssss"})
    result.candidates.push_back({pattern, 123.456, {{2.0, 2.1}, {1.0, 3.0}}});
  v1::SearchReport report = ReportOf(options, result, "1%");
  report.clear_command();
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(SearchTable(report), '\n')))
    EXPECT_LE(line.size(), 100u) << line;
}

}  // namespace
}  // namespace edgetp
