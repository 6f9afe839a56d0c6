#include "common/plan/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgetp {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const std::string& text, int layers = 0) {
  auto pattern = Pattern::Parse(text, layers);
  EXPECT_EQ(pattern.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(pattern.status().message());
}

struct Count {
  const char* text;
  const char* expanded;
  int sync_points;
};

class PatternCountTest : public ::testing::TestWithParam<Count> {};

TEST_P(PatternCountTest, ForwardSyncPointsAreThoseOfTheDesign) {
  auto pattern = Pattern::Parse(GetParam().text, 0);
  ASSERT_TRUE(pattern.ok()) << pattern.status();
  EXPECT_EQ(pattern->Expanded(), GetParam().expanded);
  EXPECT_EQ(pattern->ForwardSyncPoints(), GetParam().sync_points);
}

INSTANTIATE_TEST_SUITE_P(
    Design, PatternCountTest,
    ::testing::Values(Count{"tttt", "tttt", 8}, Count{"tstt", "tstt", 7}, Count{"ssss", "ssss", 4},
                      Count{"sppp", "sppp", 2}, Count{"pppp", "pppp", 1},
                      Count{"t*12", "tttttttttttt", 24}, Count{"(ts)*6", "tstststststs", 18},
                      Count{"(tss)*4", "tsstsstsstss", 16}, Count{"s*12", "ssssssssssss", 12},
                      Count{"(spps)*3", "sppssppsspps", 9}, Count{"(sppp)*3", "spppspppsppp", 6},
                      Count{"p*12", "pppppppppppp", 1}, Count{"(sp)*6", "spspspspspsp", 12},
                      Count{"t2s10", "ttssssssssss", 14}, Count{"((ts)2p)*2", "tstsptstsp", 14}));

TEST(PatternTest, BlocksKnowTheirPlaceInTheirRun) {
  auto pattern = Pattern::Parse("tpppsp", 6);
  ASSERT_TRUE(pattern.ok());
  const auto& blocks = pattern->blocks();
  EXPECT_TRUE(blocks[0].first_of_run && blocks[0].last_of_run);
  EXPECT_TRUE(blocks[1].first_of_run && !blocks[1].last_of_run);
  EXPECT_TRUE(!blocks[2].first_of_run && !blocks[2].last_of_run);
  EXPECT_TRUE(!blocks[3].first_of_run && blocks[3].last_of_run);
  EXPECT_TRUE(blocks[5].first_of_run && blocks[5].last_of_run);
}

TEST(PatternTest, OnlyTensorParallelNeedsNoGradientSync) {
  EXPECT_FALSE(Pattern::Parse("tttt", 4)->NeedsGradientSync());
  EXPECT_TRUE(Pattern::Parse("ttts", 4)->NeedsGradientSync());
  EXPECT_TRUE(Pattern::Parse("p", 1)->NeedsGradientSync());
}

TEST(PatternTest, ErrorsNamePositionAndRule) {
  EXPECT_THAT(ErrorOf("ttx"), HasSubstr("pattern \"ttx\", position 3: 'x' is not a block"));
  EXPECT_THAT(ErrorOf("T"), HasSubstr("position 1: 'T' is not a block"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("at least one block"));
  EXPECT_THAT(ErrorOf("(tt"), HasSubstr("position 1: this \"(\" is never closed"));
  EXPECT_THAT(ErrorOf("tt)"), HasSubstr("position 3: unmatched"));
  EXPECT_THAT(ErrorOf("t()"), HasSubstr("position 2: empty group"));
  EXPECT_THAT(ErrorOf("t*"), HasSubstr("position 2: \"*\" needs a number"));
  EXPECT_THAT(ErrorOf("t0"), HasSubstr("position 2: a repeat of 0"));
}

TEST(PatternTest, BlanksMayStandBetweenBlocks) {
  EXPECT_EQ(Pattern::Parse(" (t s)*2  p ", 5)->Expanded(), "tstsp");
  EXPECT_THAT(ErrorOf("t 4"), HasSubstr("position 3: '4' is not a block"));
}

TEST(PatternTest, EveryKindHasARowAndEveryRowItsLetter) {
  for (const BlockTraits& row : AllBlockTraits()) {
    EXPECT_EQ(&TraitsOf(row.kind), &row);
    EXPECT_EQ(FindBlockTraits(row.letter, row.modifier), &row);
    EXPECT_NE(FindBlockTraits(row.letter, 0), nullptr) << "a modifier's value may mean no modifier";
  }
}

TEST(PatternTest, RefusesPatternsThatNoModelHas) {
  EXPECT_THAT(ErrorOf("(s)*1000000000"), HasSubstr("a repeat above 4096"));
  EXPECT_THAT(ErrorOf("((s)*4096)*2"), HasSubstr("more than 4096 blocks"));
  EXPECT_THAT(ErrorOf(std::string(100, '(')), HasSubstr("more than 16 nested groups"));
}

TEST(PatternTest, BlocksMustMatchTheLayers) {
  EXPECT_THAT(ErrorOf("sppp", 12), HasSubstr("has 4 blocks, but the model has 12 layers"));
}

}  // namespace
}  // namespace edgetp
