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
                      Count{"t2s10", "ttssssssssss", 14}, Count{"((ts)2p)*2", "tstsptstsp", 14}, Count{"g*4", "gggg", 4},
                      Count{"tgp", "tgp", 4}, Count{"l*4", "llll", 8}, Count{"d*4", "dddd", 4}, Count{"t~2*2", "t~2t~2", 4},
                      Count{"(t~1 s)*2", "t~1st~1s", 6}, Count{"t~0*2", "tt", 4}, Count{"t@0.50*2", "t@0.5t@0.5", 5},
                      Count{"(t@0.5 s)*6", "t@0.5st@0.5st@0.5st@0.5st@0.5st@0.5s", 24},
                      Count{"t@1.0t@0.25t@0.000001", "tt@0.25t@0.000001", 8}));

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

TEST(PatternTest, ARunEndsWhereTheModifierChanges) {
  const auto blocks = Pattern::Parse("t~1t~1t~2t", 4)->blocks();
  EXPECT_TRUE(blocks[0].first_of_run && !blocks[0].last_of_run);
  EXPECT_TRUE(!blocks[1].first_of_run && blocks[1].last_of_run);
  EXPECT_TRUE(blocks[2].first_of_run && blocks[2].last_of_run);
  EXPECT_EQ(SlackOf(blocks[1]), 1);
  EXPECT_EQ(SlackOf(blocks[2]), 2);
  EXPECT_EQ(SlackOf(blocks[3]), 0);
}

TEST(PatternTest, ASlackIsAWholeNumberOfModulesThatThereAre) {
  EXPECT_EQ(Pattern::Parse("t~4t~4", 2)->blocks()[0].modifier, 4);
  EXPECT_THAT(ErrorOf("ttt~9t"), HasSubstr("position 4: t~9 is later than the 8 modules"));
  EXPECT_THAT(ErrorOf("t~999999999999999999999"), HasSubstr("position 2: "));
  EXPECT_THAT(ErrorOf("t~-1"), HasSubstr("position 2: \"~\" needs a whole number"));
  EXPECT_THAT(ErrorOf("t~"), HasSubstr("position 2: \"~\" needs a whole number"));
  EXPECT_THAT(ErrorOf("ts~1"), HasSubstr("position 3: 's' takes no modifier; there are t~2"));
  EXPECT_THAT(ErrorOf("t~1~1"), HasSubstr("position 4: a letter takes one modifier at most"));
  EXPECT_THAT(ErrorOf("(ts)~1"), HasSubstr("position 5: a modifier stands directly behind"));
}

TEST(PatternTest, WhatAModifierDoesNotSayIsNoted) {
  EXPECT_THAT(Pattern::Parse("t~0*3t", 4)->notes(), ::testing::ElementsAre("t~0 is t"));
  EXPECT_TRUE(Pattern::Parse("t~1t", 2)->notes().empty());
}

TEST(PatternTest, AShareOfChannelsIsExactAndLeavesOneAtLeast) {
  const auto shared = [](const char* text, int channels) {
    return CountOf(Channels::kShared, Pattern::Parse(text, 1)->blocks()[0], channels);
  };
  EXPECT_EQ(shared("t@0.29", 100), 29);  // in doubles, 28.999...
  EXPECT_EQ(shared("t@0.999999", 16), 15);
  EXPECT_EQ(shared("t@0.5", 5), 2);
  EXPECT_TRUE(Pattern::Parse("t@0.0625", 1)->CheckChannels(16).ok());
  EXPECT_THAT(std::string(Pattern::Parse("t@0.0624", 1)->CheckChannels(16).message()),
              HasSubstr("t@0.0624 of 16 channels is none"));
}

TEST(PatternTest, AShareIsAboveZeroAndAtMostOne) {
  for (const char* text : {"t@0", "t@1.1", "t@2", "t@-0.5", "t@", "t@.5", "t@0.", "t@1.0000001",
                           "t@0.0000001", "t@1e-3"}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("position ")) << text;
  }
  EXPECT_THAT(ErrorOf("t@1.5"), HasSubstr("position 2: \"@\" needs a share of the channels"));
  EXPECT_THAT(ErrorOf("ss@0.5"), HasSubstr("'s' takes no modifier; there are t~2 and t@0.5"));
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
