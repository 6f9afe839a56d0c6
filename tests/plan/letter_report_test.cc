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
    for (const std::string& text :
         {letter.name(), letter.cost(), letter.changes(), letter.source()})
      EXPECT_NE(text, "") << letter.letter();
    EXPECT_TRUE(Pattern::Parse(letter.example(), 4).ok()) << letter.example();
  }
  EXPECT_EQ(report.letters(0).cost(), "2 per block");
  EXPECT_EQ(report.letters(2).letter(), "p");
  EXPECT_EQ(report.letters(2).cost(), "1 per run");
  EXPECT_EQ(report.letters(4).cost(), "2 per block, each up to 1 stage late");
  EXPECT_EQ(report.letters(6).letter(), "t~k");
  EXPECT_EQ(report.letters(6).cost(), "2 per block, each up to k stages late");
  EXPECT_EQ(report.letters(7).cost(), "2 per block of p * S, 1 per run of (1-p) * S");
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

TEST(LetterReportTest, ASumThatIsStartedAndWaitedForIsOne) {
  const v1::PlanReport plan = Plan("t~2*2t@0.25*2");
  const v1::LetterCost &delayed = plan.letters(0), &partial = plan.letters(1);
  EXPECT_EQ(delayed.letter(), "t~2");
  EXPECT_EQ(delayed.slack(), 2);
  EXPECT_EQ(delayed.all_reduces_forward(), 4);
  EXPECT_EQ(delayed.bytes(), 8 * 12 * 64 * 128 * 4);
  EXPECT_EQ(partial.letter(), "t@0.25");
  EXPECT_EQ(partial.all_reduces_forward(), 5);
  EXPECT_EQ(partial.all_reduces_backward(), 5);
  EXPECT_EQ(partial.bytes(), 2 * (4 * 32 + 96) * 12 * 64 * 4);
  EXPECT_EQ(plan.all_reduces_per_micro_step(), 18);
  EXPECT_EQ(plan.sync_points_forward(), 9);
  EXPECT_EQ(plan.bytes_per_step_per_rank().activation_fwd(),
            3 * (delayed.bytes() + partial.bytes()) / 2);
}

TEST(LetterReportTest, ALetterThatSavesNothingIsNoted) {
  EXPECT_THAT(Notes(Plan("sp")), ElementsAre("p alone in its run costs what s costs (block 1)"));
  EXPECT_THAT(Notes(Plan("sp", 1)), ElementsAre(HasSubstr("one worker sends nothing")));
  EXPECT_THAT(Notes(Plan("tt", 1)), IsEmpty());
  EXPECT_THAT(Notes(Plan("t@0.5 s")), ElementsAre(HasSubstr("sums 3 times where t sums twice")));
  EXPECT_THAT(Notes(Plan("(sp)*12")),
              ElementsAre(HasSubstr("(blocks 1, 3, 5, 7, 9, 11, 13, 15 and 4 more)")));
  EXPECT_THAT(Notes(Plan("t~3t~3t")), IsEmpty());
  EXPECT_THAT(
      Notes(Plan("t~4t~4t")),
      ElementsAre("t~4 in a run of 2 is later than the run's 4 modules: 3 is as late (block 0)"));
  EXPECT_THAT(Notes(Plan("t~0 t@1.0")), ElementsAre("t@1.0 is t", "t~0 is t"));
}

}  // namespace
}  // namespace edgetp
