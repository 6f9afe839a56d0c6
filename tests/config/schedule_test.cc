#include "common/config/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/defaults.h"
#include "common/config/validate.h"
#include "tests/config/complete_run.h"

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

v1::TrainConfig Scheduled(const std::string& schedule) {
  v1::TrainConfig train = Reference();
  train.set_schedule(schedule);
  FillDefaults(&train);
  return train;
}

TEST(LearningRateTest, EveryScheduleWarmsUpInTheSameWay) {
  for (const std::string& schedule : ScheduleNames()) {
    EXPECT_EQ(LearningRate(Scheduled(schedule), 0), LearningRate(Reference(), 0)) << schedule;
    EXPECT_EQ(LearningRate(Scheduled(schedule), 99), LearningRate(Reference(), 99)) << schedule;
    EXPECT_EQ(LearningRate(Scheduled(schedule), 100), 1e-3) << schedule;
  }
}

TEST(LearningRateTest, ACosineIsWhatARunHasThatNamesNoSchedule) {
  EXPECT_EQ(Scheduled("cosine").schedule(), kDefaultSchedule);
  for (const int step : {0, 57, 100, 101, 1050, 1999, 2000, 3000}) {
    EXPECT_EQ(LearningRate(Scheduled("cosine"), step), LearningRate(Reference(), step)) << step;
  }
}

TEST(LearningRateTest, ALineFallsByTheSameAmountInEachStep) {
  const v1::TrainConfig train = Scheduled("linear");
  for (const int step : {100, 600, 1050, 1999}) {
    EXPECT_NEAR(LearningRate(train, step) - LearningRate(train, step + 1), 9e-4 / 1900, 1e-15);
  }
  EXPECT_EQ(LearningRate(train, 2000), 1e-4);
  EXPECT_EQ(LearningRate(train, 2001), 1e-4);
}

TEST(LearningRateTest, AConstantRateStaysWhateverTheEndOfTheDecayIs) {
  for (const int step : {100, 1999, 2000, 5000})
    EXPECT_EQ(LearningRate(Scheduled("constant"), step), 1e-3) << step;
}

TEST(LearningRateTest, AWsdStaysAndThenFallsInALine) {
  const v1::TrainConfig train = Scheduled("wsd");
  EXPECT_EQ(train.stable_steps(), 1800);
  EXPECT_EQ(LearningRate(train, 100), 1e-3);
  EXPECT_EQ(LearningRate(train, 1800), 1e-3);
  EXPECT_NEAR(LearningRate(train, 1801), 1e-3 - 9e-4 / 200, 1e-15);
  EXPECT_NEAR(LearningRate(train, 1900), (1e-3 + 1e-4) / 2, 1e-15);
  EXPECT_EQ(LearningRate(train, 2000), 1e-4);
}

TEST(LearningRateTest, AWsdThatHasNoDecayEndsWithAJump) {
  v1::TrainConfig train = Scheduled("wsd");
  train.set_stable_steps(2000);
  EXPECT_EQ(LearningRate(train, 1999), 1e-3);
  EXPECT_EQ(LearningRate(train, 2000), 1e-4);
}

TEST(LearningRateTest, AWarmUpThatIsLongerThanTheRunLeavesNothingElse) {
  for (const std::string& schedule : ScheduleNames()) {
    v1::TrainConfig train = Reference();
    train.set_schedule(schedule);
    train.set_decay_steps(2);
    FillDefaults(&train);
    EXPECT_NEAR(LearningRate(train, 1), 2e-3 / 101, 1e-12) << schedule;
  }
}

TEST(ScheduleRulesTest, StableStepsBelongToOneScheduleAndLieBetweenWarmUpAndEnd) {
  const auto fault = [](const std::vector<std::string>& overrides) {
    const v1::RunConfig run = CompleteRunOf({"model.layers=1", "model.heads=2", "model.channels=4",
                                             "model.sequence=4", "model.vocabulary=4"},
                                            overrides);
    return std::string(ValidateRun(run, "here").message());
  };
  EXPECT_EQ(fault({"train.schedule=wsd"}), "");
  EXPECT_EQ(fault({"train.schedule=wsd", "train.stable_steps=100"}), "");
  EXPECT_THAT(fault({"train.schedule=wsd", "train.stable_steps=99"}),
              testing::HasSubstr("here: train.stable_steps: must be in [100, 2000]"));
  EXPECT_THAT(fault({"train.schedule=wsd", "train.stable_steps=2001"}),
              testing::HasSubstr("must be in [100, 2000]"));
  EXPECT_THAT(fault({"train.stable_steps=500"}), testing::HasSubstr("belongs to schedule wsd"));
  EXPECT_THAT(fault({"train.schedule=cosin"}),
              testing::HasSubstr("here: train.schedule: unknown schedule \"cosin\""));
  EXPECT_THAT(fault({"train.learning_rate=1e-5"}), testing::HasSubstr("min_learning_rate"));
  EXPECT_EQ(fault({"train.learning_rate=1e-5", "train.schedule=constant"}), "");
}

TEST(ScheduleRulesTest, ARunThatIsMadeLongerEndsItsDecayWithItsSteps) {
  v1::TrainConfig train;
  train.set_schedule("wsd");
  FillDefaults(&train);
  ForgetDefaultDecay(&train);
  train.set_steps(4000);
  FillDefaults(&train);
  EXPECT_EQ(train.decay_steps(), 4000);
  EXPECT_EQ(train.stable_steps(), 3600);
}

TEST(ScheduleRulesTest, ADecayThatSomebodyChoseStays) {
  v1::TrainConfig train;
  train.set_schedule("wsd");
  train.set_stable_steps(500);
  train.set_decay_steps(1000);
  FillDefaults(&train);
  ForgetDefaultDecay(&train);
  EXPECT_EQ(train.decay_steps(), 1000);
  EXPECT_EQ(train.stable_steps(), 500);
}

}  // namespace
}  // namespace edgetp
