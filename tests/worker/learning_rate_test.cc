#include "worker/job/learning_rate.h"

#include <gtest/gtest.h>

namespace edgetp {
namespace {

v1::TrainConfig Reference() {
  v1::TrainConfig train;
  train.set_learning_rate(1e-3);
  train.set_min_learning_rate(1e-4);
  train.set_warmup_steps(100);
  train.set_decay_steps(2000);
  return train;
}

TEST(LearningRateTest, WarmsUpLinearlyToTheFullRate) {
  EXPECT_NEAR(LearningRate(Reference(), 0), 1e-3 / 101, 1e-12);
  EXPECT_NEAR(LearningRate(Reference(), 49), 1e-3 * 50 / 101, 1e-12);
  EXPECT_NEAR(LearningRate(Reference(), 100), 1e-3, 1e-12);
}

TEST(LearningRateTest, IsHalfWayDownInTheMiddleOfTheCosine) {
  EXPECT_NEAR(LearningRate(Reference(), 1050), (1e-3 + 1e-4) / 2, 1e-12);
}

TEST(LearningRateTest, StaysAtTheMinimumAfterTheDecay) {
  EXPECT_EQ(LearningRate(Reference(), 2000), 1e-4);
  EXPECT_EQ(LearningRate(Reference(), 5000), 1e-4);
}

}  // namespace
}  // namespace edgetp
