#include "cli/shared/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "cli/shared/format.h"

namespace edgetp {
namespace {

std::vector<std::string> LinesOf(const std::string& text) { return absl::StrSplit(text, '\n'); }

TEST(TableTest, ColumnsAreAlignedUnderTheirHeaders) {
  Table table({{"name", Align::kLeft}, {"step\nms"}});
  table.AddRow({"a", "1.5"});
  table.AddRow({"longer", "12.5"});
  EXPECT_EQ(table.Render(),
            "name    step\n"
            "          ms\n"
            "------------\n"
            "a        1.5\n"
            "longer  12.5\n");
}

TEST(TableTest, WideTextIsWrappedBetweenWordsAndNeverCut) {
  Table table({{"key", Align::kLeft}, {"text", Align::kLeft}});
  std::string text;
  for (int i = 0; i < 40; ++i) text += "word" + std::to_string(i) + " ";
  table.AddRow({"k", text + "end"});
  const std::string rendered = table.Render();
  for (const std::string& line : LinesOf(rendered)) EXPECT_LE(line.size(), 100u) << line;
  for (int i = 0; i < 40; ++i)
    EXPECT_THAT(rendered, testing::HasSubstr("word" + std::to_string(i)));
}

TEST(TableTest, ALongNameBreaksBeforeAPlus) {
  Table table({{"network", Align::kLeft}, {"text", Align::kLeft}});
  table.AddRow({"none+delay200ms+rate1mbit", "1 + 1"});
  EXPECT_EQ(table.Render(20),
            "network        text\n"
            "--------------------\n"
            "none           1 + 1\n"
            "+delay200ms\n"
            "+rate1mbit\n");
}

TEST(TableTest, AWordWiderThanTheTableStaysWhole) {
  const std::string word(150, 'x');
  Table table({{"key", Align::kLeft}});
  table.AddRow({word});
  EXPECT_THAT(table.Render(), testing::HasSubstr(word));
}

TEST(TableTest, MissingCellsAreEmpty) {
  Table table({{"a", Align::kLeft}, {"b"}});
  table.AddRow({"1"});
  EXPECT_EQ(LinesOf(table.Render())[2], "1");
}

TEST(FormatTest, NumbersKeepThreeSignificantDigits) {
  EXPECT_EQ(FormatNumber(0), "0");
  EXPECT_EQ(FormatNumber(0.08531), "0.0853");
  EXPECT_EQ(FormatNumber(9.996), "10.0");
  EXPECT_EQ(FormatNumber(98.24), "98.2");
  EXPECT_EQ(FormatNumber(1240.4), "1240");
  EXPECT_EQ(FormatNumber(-3.14159), "-3.14");
}

TEST(FormatTest, SharesArePercentages) {
  EXPECT_EQ(FormatPercent(0.4123), "41.2 %");
  EXPECT_EQ(FormatPercent(-0.03), "-3.0 %");
}

}  // namespace
}  // namespace edgetp
