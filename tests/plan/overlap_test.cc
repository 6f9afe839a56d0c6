#include "common/plan/overlap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgetp {
namespace {

using testing::HasSubstr;

std::string ErrorOf(const std::string& text) {
  const absl::StatusOr<Overlap> overlap = Overlap::Parse(text);
  EXPECT_EQ(overlap.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(overlap.status().message());
}

TEST(OverlapTest, EveryModeIsReadInAnyCaseAndWrittenInCapitals) {
  const std::pair<const char*, const char*> texts[] = {
      {"NONE", "NONE"}, {"none", "NONE"},       {"dw", "DW"},
      {" Dw ", "DW"},   {"rows(2)", "ROWS(2)"}, {"ROWS( 12 )", "ROWS(12)"}};
  for (const auto& [text, name] : texts) {
    const absl::StatusOr<Overlap> overlap = Overlap::Parse(text);
    ASSERT_TRUE(overlap.ok()) << overlap.status();
    EXPECT_EQ(ToString(*overlap), name);
  }
  EXPECT_EQ(Overlap::Parse("rows(3)")->rows, 3);
  EXPECT_EQ(Overlap::Parse("dw")->rows, 1);
}

TEST(OverlapTest, WhatIsNoModeIsRefusedWithThoseThatAre) {
  for (const char* text : {"", "DWW", "ROWS", "ROWS()", "ROWS(two)", "ROWS(2", "ROWS2", "ROWS(2.5)",
                           "ROWS(99999999999)"}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("is not NONE, DW or ROWS(m)")) << text;
  }
}

TEST(OverlapTest, OneGroupOfRowsOverlapsWithNothing) {
  for (const char* text : {"ROWS(1)", "ROWS(0)", "ROWS(-2)", "ROWS(65537)"})
    EXPECT_THAT(ErrorOf(text), HasSubstr("ROWS(m): m must be in [2, 65536] (got ")) << text;
}

TEST(OverlapTest, GroupsCoverTheBatchOnceAndDifferByAtMostOneSequence) {
  for (int batch = 1; batch <= 13; ++batch) {
    for (int groups = 1; groups <= batch; ++groups) {
      int next = 0;
      for (int group = 0; group < groups; ++group) {
        const Range rows = RowsOfGroup(batch, groups, group);
        EXPECT_EQ(rows.begin, next);
        EXPECT_GE(rows.size(), batch / groups);
        EXPECT_LE(rows.size(), (batch + groups - 1) / groups);
        next = rows.end;
      }
      EXPECT_EQ(next, batch);
    }
  }
}

TEST(OverlapTest, EachGroupNeedsASequence) {
  EXPECT_TRUE(CheckRows(*Overlap::Parse("rows(12)"), 12).ok());
  EXPECT_TRUE(CheckRows(*Overlap::Parse("dw"), 1).ok());
  EXPECT_THAT(std::string(CheckRows(*Overlap::Parse("rows(13)"), 12).message()),
              HasSubstr("m must be at most the batch of 12 sequences"));
}

}  // namespace
}  // namespace edgetp
