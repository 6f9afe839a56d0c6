#include "worker/job/sampler.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace edgetp {
namespace {

const std::vector<float> kLogits = {0.0f, 2.0f, 1.0f, 2.0f};

TEST(SamplerTest, ZeroTemperatureTakesTheMostLikelyTokenAndTheLowestIdAmongEquals) {
  EXPECT_EQ(SampleToken(kLogits, {.temperature = 0}, 0.99), 1);
}

TEST(SamplerTest, TopKNeverLeavesTheKMostLikely) {
  for (double uniform = 0; uniform < 1; uniform += 0.01) {
    const int64_t token = SampleToken(kLogits, {.temperature = 5, .top_k = 2}, uniform);
    EXPECT_TRUE(token == 1 || token == 3) << token;
  }
}

TEST(SamplerTest, FrequenciesFollowTheSoftmax) {
  // Logits ln 1, ln 3: a quarter and three quarters.
  const std::vector<float> logits = {0.0f, 1.0986123f};
  int ones = 0;
  for (int i = 0; i < 1000; ++i) ones += SampleToken(logits, {}, (i + 0.5) / 1000) == 1;
  EXPECT_EQ(ones, 750);
}

// Probabilities 0.5, 0.25, 0.15, 0.1.
const std::vector<float> kFour = {-1.3862944f, -2.3025851f, -0.6931472f, -1.8971200f};

TEST(SamplerTest, TheNucleusIsTheFewestTokensThatHaveThatMuchTogether) {
  const auto drawn = [](double top_p) {
    std::set<int64_t> tokens;
    for (double uniform = 0; uniform < 1; uniform += 0.01)
      tokens.insert(SampleToken(kFour, {.top_p = top_p}, uniform));
    return tokens;
  };
  EXPECT_EQ(drawn(0.01), (std::set<int64_t>{2}));
  EXPECT_EQ(drawn(0.49), (std::set<int64_t>{2}));
  EXPECT_EQ(drawn(0.7), (std::set<int64_t>{2, 0}));
  EXPECT_EQ(drawn(0.8), (std::set<int64_t>{2, 0, 3}));
  EXPECT_EQ(drawn(1), (std::set<int64_t>{2, 0, 3, 1}));
}

TEST(SamplerTest, WithinTheNucleusProbabilitiesKeepTheirProportion) {
  int likeliest = 0;
  for (int i = 0; i < 900; ++i)
    likeliest += SampleToken(kFour, {.top_p = 0.7}, (i + 0.5) / 900) == 2;
  EXPECT_EQ(likeliest, 600);
}

TEST(SamplerTest, TheNucleusIsOfTheKMostLikely) {
  // Of the two most likely, the first has two thirds.
  for (double uniform = 0; uniform < 1; uniform += 0.01)
    EXPECT_EQ(SampleToken(kFour, {.top_k = 2, .top_p = 0.6}, uniform), 2);
}

TEST(SamplerTest, AUniformNextToOneStillFindsAToken) {
  EXPECT_EQ(SampleToken(kLogits, {}, 0x1.fffffffffffffp-1), 0);
}

}  // namespace
}  // namespace edgetp
