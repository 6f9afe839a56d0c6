#include "cli/shared/validate_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace edgetp {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

void AddRow(v1::ValidateSet* set, const std::string& use, double measured, double predicted) {
  v1::ValidateRow* const row = set->add_rows();
  row->set_label("4 nodes");
  row->set_network("lan");
  row->set_use(use);
  row->set_unit("s");
  row->set_measured(measured);
  row->set_predicted(predicted);
  row->set_error_share(predicted / measured - 1);
}

v1::ValidateReport OneSource() {
  v1::ValidateReport report;
  v1::ValidateSource* const source = report.add_sources();
  source->set_name("here");
  source->set_title("Measured here");
  source->set_source("somebody");
  source->set_predicted_rows(1);
  source->set_mean_error(0.1);
  source->set_worst_error(0.1);
  v1::ValidateSet* const set = source->add_sets();
  set->set_name("steps");
  set->set_note("with a note");
  set->set_predicted_rows(1);
  set->set_mean_error(0.1);
  set->set_worst_error(0.1);
  AddRow(set, "input", 0.5, 0.5);
  AddRow(set, "predict", 2, 1.8);
  AddRow(set, "aside", 2, 4);
  set->mutable_rows(2)->set_why("a slip");
  return report;
}

TEST(ValidateTablesTest, ARowSaysWhatItIsFor) {
  const std::string text = ValidateTables(OneSource());
  EXPECT_THAT(text, HasSubstr("here: Measured here\nsomebody\n"));
  EXPECT_THAT(text, HasSubstr("steps: mean 10.0 %, worst 10.0 % of 1 rows\nwith a note\n"));
  EXPECT_THAT(text, HasSubstr("(not counted: a slip)\n"));
  EXPECT_THAT(text, HasSubstr("500 ms     500 ms       input"));
  EXPECT_THAT(text, HasSubstr("2 s      1.8 s     -10.0 %"));
  EXPECT_THAT(text, HasSubstr("2 s        4 s  (+100.0 %)"));
}

TEST(ValidateTablesTest, TheListHasNoPredictions) {
  const std::string text = SourceList(OneSource());
  EXPECT_THAT(text, HasSubstr("Measured here"));
  EXPECT_THAT(text, Not(HasSubstr("%")));
}

}  // namespace
}  // namespace edgetp
