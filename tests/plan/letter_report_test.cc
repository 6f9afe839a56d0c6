#include "common/plan/letter_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/plan/plan_report.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::PlanReport Plan(const std::string& pattern, int workers = 2) {
  const Pattern parsed = Pattern::Parse(pattern, 0).value();
  const PlanOptions options{.shape = {parsed.layers(), 4, 128, 64, 65, true},
                            .pattern = parsed,
                            .world_size = workers,
                            .batch = 12,
                            .micro_batches = 3};
  auto report = BuildPlanReport("minigpt", options);
  EXPECT_TRUE(report.ok()) << report.status();
  return *std::move(report);
}

std::vector<std::string> Notes(const v1::PlanReport& plan) {
  return {plan.notes().begin(), plan.notes().end()};
}

TEST(LetterReportTest, EveryRowIsListedOnceWithWhatAReaderNeeds) {
  const v1::PatternsReport report = BuildPatternsReport();
  ASSERT_EQ(static_cast<size_t>(report.letters_size()), AllBlockTraits().size());
  for (const v1::PatternLetter& letter : report.letters()) {
    EXPECT_GT(letter.all_reduces_per_block() + letter.all_reduces_per_run(), 0) << letter.letter();
    for (const std::string& text : {letter.name(), letter.cost(), letter.changes(), letter.source()})
      EXPECT_NE(text, "") << letter.letter();
    EXPECT_TRUE(Pattern::Parse(letter.example(), 4).ok()) << letter.example();
  }
  EXPECT_EQ(report.letters(0).cost(), "2 per block");
  EXPECT_EQ(report.letters(2).letter(), "p");
  EXPECT_EQ(report.letters(2).cost(), "1 per run");
}

TEST(LetterReportTest, APlanSaysWhatEachOfItsLettersCosts) {
  const v1::PlanReport plan = Plan("tppt");
  ASSERT_EQ(plan.letters_size(), 2);
  const v1::LetterCost &t = plan.letters(0), &p = plan.letters(1);
  EXPECT_EQ(t.letter(), "t");
  EXPECT_EQ(t.blocks(), 2);
  EXPECT_EQ(t.all_reduces_forward(), 4);
  EXPECT_EQ(t.all_reduces_backward(), 4);
  EXPECT_EQ(t.bytes(), 8 * 12 * 64 * 128 * 4);
  EXPECT_EQ(p.all_reduces_forward(), 1);
  EXPECT_TRUE(p.grad_sync());
  EXPECT_THAT(Notes(plan), IsEmpty());
}

TEST(LetterReportTest, ALetterThatSavesNothingIsNoted) {
  EXPECT_THAT(Notes(Plan("sp")), ElementsAre(HasSubstr("p in block 1 is a run of one")));
  EXPECT_THAT(Notes(Plan("sp", 1)), ElementsAre(HasSubstr("one worker sends nothing")));
  EXPECT_THAT(Notes(Plan("tt", 1)), IsEmpty());
}

}  // namespace
}  // namespace edgetp
