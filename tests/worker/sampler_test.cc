#include "worker/job/sampler.h"

#include <gtest/gtest.h>

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

TEST(SamplerTest, AUniformNextToOneStillFindsAToken) {
  EXPECT_EQ(SampleToken(kLogits, {}, 0x1.fffffffffffffp-1), 0);
}

}  // namespace
}  // namespace edgetp
