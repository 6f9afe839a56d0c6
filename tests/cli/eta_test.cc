#include "cli/shared/eta.h"

#include <gtest/gtest.h>

#include "cli/shared/progress.h"

namespace edgetp {
namespace {

v1::TrainConfig Train(int steps, int eval_interval, int checkpoint_interval) {
  v1::TrainConfig train;
  train.set_steps(steps);
  train.set_eval_interval(eval_interval);
  if (checkpoint_interval > 0) train.set_checkpoint_interval(checkpoint_interval);
  return train;
}

v1::StepRecord Record(int step, double wall_seconds, bool evaluated = false) {
  v1::StepRecord record;
  record.set_step(step);
  record.set_wall_seconds(wall_seconds);
  record.set_step_seconds(1);
  if (evaluated) record.set_val_loss(2);
  return record;
}

TEST(RunEtaTest, NothingIsKnownBeforeTwoStepsAndAfterTheLast) {
  RunEta eta(Train(10, 0, 0));
  EXPECT_FALSE(eta.Seconds().has_value());
  eta.Add(Record(1, 60));  // a slow first step says nothing of the others
  EXPECT_FALSE(eta.Seconds().has_value());
  eta.Add(Record(2, 61));
  EXPECT_DOUBLE_EQ(*eta.Seconds(), 8);
  eta.Add(Record(10, 70));
  EXPECT_FALSE(eta.Seconds().has_value());
}

TEST(RunEtaTest, EvaluationsToComeAreChargedAtTheMeanOfThoseSoFar) {
  RunEta eta(Train(10, 3, 0));  // after 3, 6, 9 and 10
  eta.Add(Record(1, 1));
  eta.Add(Record(2, 2));
  eta.Add(Record(3, 3, true));
  EXPECT_DOUBLE_EQ(*eta.Seconds(), 7);
  eta.Add(Record(4, 9));  // 5 s of evaluation, 1 s of step
  EXPECT_DOUBLE_EQ(*eta.Seconds(), 6 * 1 + 3 * 5);
}

TEST(RunEtaTest, SoAreCheckpointsTheLastOneIncluded) {
  RunEta eta(Train(10, 0, 4));  // after 4, 8 and 10
  for (int step = 1; step <= 4; ++step) eta.Add(Record(step, step));
  EXPECT_DOUBLE_EQ(*eta.Seconds(), 6);
  eta.Add(Record(5, 15));  // 10 s of checkpoint
  EXPECT_DOUBLE_EQ(*eta.Seconds(), 5 * 1 + 2 * 10);
}

TEST(RunEtaTest, ALimitOfTimeCutsWhatIsLeft) {
  v1::TrainConfig train = Train(100, 0, 0);
  train.set_max_seconds(12);
  RunEta eta(train);
  eta.Add(Record(1, 1));
  eta.Add(Record(2, 2));
  EXPECT_DOUBLE_EQ(*eta.Seconds(), 10);
  eta.Add(Record(3, 15));
  EXPECT_DOUBLE_EQ(*eta.Seconds(), 0);
}

TEST(RunEtaTest, AResumedRunCountsItsOwnSteps) {
  RunEta eta(Train(2010, 0, 0));
  eta.Add(Record(2001, 3));
  eta.Add(Record(2002, 5));
  EXPECT_DOUBLE_EQ(*eta.Seconds(), 16);
}

TEST(RunEtaTest, UnderASimulatedClockTheHostsTimeCounts) {
  RunEta eta(Train(4, 0, 0));
  for (int step = 1; step <= 2; ++step) {
    v1::StepRecord record = Record(step, 1000 * step);
    record.set_host_seconds(step * 0.5);
    eta.Add(record);
  }
  EXPECT_DOUBLE_EQ(*eta.Seconds(), 1);
}

TEST(SweepEtaTest, CellsToComeTakeAsLongAsTheMeanOfTheOthers) {
  SweepEta eta(3);
  EXPECT_DOUBLE_EQ(eta.Seconds(10, 20), 20 + 2 * 30);
  eta.CellEnded(50);
  EXPECT_DOUBLE_EQ(eta.Seconds(10, 20), 20 + 40);
  eta.CellEnded(40);
  EXPECT_DOUBLE_EQ(eta.Seconds(10, 20), 20);
}

TEST(SweepEtaTest, JobsThatAreNotAlikeCountByWhatTheyHaveToDo) {
  SweepEta eta("search");
  eta.CellBegins(100, 400);
  EXPECT_DOUBLE_EQ(eta.Seconds(4, 6), 6 + 40);
  eta.CellEnded(10);
  eta.CellBegins(300, 100);
  EXPECT_DOUBLE_EQ(eta.Seconds(10, 20), 20 + 10);
}

TEST(SweepEtaTest, CellsThatWaitLongerForTheirNetworkTakeLonger) {
  SweepEta eta({0, 100, 300});
  EXPECT_DOUBLE_EQ(eta.Seconds(10, 10), 10 + (20 + 100) + (20 + 300));
  eta.CellEnded(20);
  EXPECT_DOUBLE_EQ(eta.Seconds(60, 60), 60 + (20 + 300));
  eta.CellEnded(120);
  EXPECT_DOUBLE_EQ(eta.Seconds(200, 120), 120);
}

TEST(SweepEtaTest, AWaitThatIsPredictedTooLongLeavesNoNegativeWork) {
  SweepEta eta({1000, 5});
  EXPECT_DOUBLE_EQ(eta.Seconds(5, 5), 5 + 5);
}

TEST(SweepEtaTest, WhatIsDoneIsAShareOfTheTimeOfAllCells) {
  SweepEta eta(4);
  EXPECT_DOUBLE_EQ(eta.Share(0, 10), 0);
  eta.CellEnded(10);
  EXPECT_DOUBLE_EQ(eta.Share(5, 5), 15.0 / 40);
  EXPECT_EQ(ActivityLine({}, std::nullopt, {.run = 5, .sweep = 25, .sweep_share = 0.375}),
            "  ETA 5 s, sweep 25 s (38 % done)");
}

TEST(SweepEtaTest, TheLineNamesTheCommand) {
  EXPECT_EQ(ActivityLine({}, std::nullopt, {.sweep = 90, .command = "search"}),
            "  ETA search 90 s");
}

v1::JobProgress At(const std::string& activity, double done, double total,
                   const std::string& unit) {
  v1::JobProgress progress;
  progress.set_activity(activity);
  progress.set_done(done);
  progress.set_total(total);
  progress.set_unit(unit);
  return progress;
}

TEST(ActivityTest, ItsLineSaysHowFarItIsAndWhatIsLeft) {
  EXPECT_EQ(ActivityLine(At("evaluating", 120, 1742, "windows"), 8.5, {.run = 200}),
            "evaluating  120 of 1742 windows  8.5 s left  ETA 3m20s");
  EXPECT_EQ(ActivityLine(At("saving checkpoint", 0, 64 << 20, "bytes"), std::nullopt, {}),
            "saving checkpoint  0 B of 64 MiB");
  EXPECT_EQ(ActivityLine(At("dialling 10.0.0.2:4100", 0, 0, ""), std::nullopt, {}),
            "dialling 10.0.0.2:4100");
}

TEST(ActivityTest, ItsPaceIsThatSinceItsFirstReport) {
  ActivityPace pace;
  const absl::Time begin = absl::UnixEpoch();
  EXPECT_FALSE(pace.SecondsLeft(begin, At("evaluating", 0, 100, "windows")).has_value());
  EXPECT_DOUBLE_EQ(
      *pace.SecondsLeft(begin + absl::Seconds(2), At("evaluating", 20, 100, "windows")), 8);
  // The next one of its kind begins anew.
  EXPECT_FALSE(
      pace.SecondsLeft(begin + absl::Seconds(9), At("evaluating", 0, 100, "windows")).has_value());
}

}  // namespace
}  // namespace edgetp
