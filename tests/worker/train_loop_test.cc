// The training loop with a model that only keeps a diary: what happens in which order, and what a
// failure of each part means.
#include "worker/job/train_loop.h"

#include <gmock/gmock.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/defaults.h"
#include "common/data/corpus.h"
#include "tests/transport/local_cluster.h"
#include "tests/worker/train_loop_fakes.h"

namespace edgetp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Ten characters; a validation split of `windows` windows of four tokens.
Corpus CorpusOf(int windows) {
  std::string text;
  for (int i = 0; i < 10 * (4 * windows + 1); ++i) text += static_cast<char>('a' + i % 10);
  return *Corpus::FromText(text);
}

class TrainLoopTest : public testing::Test {
 protected:
  TrainLoopTest() {
    v1::ModelConfig* const model = config_.mutable_model();
    model->set_layers(1);
    model->set_heads(2);
    model->set_channels(4);
    model->set_sequence(4);
    model->set_vocabulary(10);
    config_.set_workers(1);
    v1::TrainConfig* const train = config_.mutable_train();
    train->set_steps(4);
    train->set_batch(2);
    train->set_eval_windows(3);
    train->set_eval_interval(100);
    train->set_replica_check_interval(100);
    FillDefaults(&config_);
  }

  struct Rank {
    Diary diary;
    FakeSink sink{&diary};
    std::vector<v1::JobProgress> progress;
    absl::StatusOr<TrainOutcome> outcome = absl::UnknownError("not run");
  };

  // Runs the loop on every rank.
  void Run(std::vector<Rank>& ranks) {
    config_.set_workers(static_cast<int>(ranks.size()));
    LocalCluster cluster(config_.workers());
    CollectiveGroupOptions options;
    options.emulate_all = false;
    cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
      Rank& rank = ranks[group.rank()];
      FakeTrainer trainer(config_, &group, &rank.diary);
      trainer.loss = loss_;
      trainer.norms = norms_;
      rank.sink.seconds_per_report = seconds_per_step_ * (group.rank() == 0 ? 1 : 1000);
      TrainLoopParts parts;
      parts.config = &config_;
      parts.corpus = &corpus_;
      parts.trainer = &trainer;
      parts.group = &group;
      parts.control = &control_;
      parts.progress = [&](v1::JobProgress progress) { rank.progress.push_back(progress); };
      parts.sink = &rank.sink;
      parts.first_step = first_step_;
      parts.guard = guard_;
      rank.outcome = Train(parts);
      return absl::OkStatus();
    });
  }
  Rank& RunAlone() {
    Run(alone_);
    return alone_[0];
  }
  v1::TrainConfig* train() { return config_.mutable_train(); }

  v1::RunConfig config_;
  Corpus corpus_ = CorpusOf(20);
  JobControl control_;
  int first_step_ = 0;
  double loss_ = 2;
  std::vector<double> norms_;
  double seconds_per_step_ = 0;  // by rank 0's clock; others' clocks are wrong
  std::vector<NamedTensor> guard_;
  std::vector<Rank> alone_{1};
};

TEST_F(TrainLoopTest, WhatIsDueFollowsItsStepAndTheReportComesBeforeTheCheckpoint) {
  train()->set_eval_interval(2);
  train()->set_replica_check_interval(3);
  train()->set_checkpoint_interval(2);
  const Rank& rank = RunAlone();
  ASSERT_TRUE(rank.outcome.ok()) << rank.outcome.status();
  EXPECT_THAT(rank.diary.entries,
              ElementsAre("step 1", "end 1", "report 1",                                  //
                          "step 2", "end 2", "evaluate 2", "evaluate 1", "report 2 val",  //
                          "export", "save 2",                                             //
                          "step 3", "end 3", "check 3", "report 3",                       //
                          "step 4", "end 4", "evaluate 2", "evaluate 1", "check 4", "report 4 val",
                          "export", "save 4"));
  EXPECT_TRUE(rank.outcome->checkpoint.ok());
}

TEST_F(TrainLoopTest, ReportsHaveLossesNormAndWindows) {
  const Rank& rank = RunAlone();
  ASSERT_EQ(rank.sink.reports.size(), 4u);
  EXPECT_EQ(rank.sink.reports[0].train_loss(), 2);
  EXPECT_EQ(rank.sink.reports[0].gradient_norm(), 3);
  EXPECT_FALSE(rank.sink.reports[0].has_val_loss());
  EXPECT_NEAR(rank.sink.reports[3].val_loss(), (2 * 2 + 1) / 3.0, 1e-12);
  EXPECT_EQ(rank.sink.reports[3].val_windows(), 3);
  EXPECT_EQ(rank.outcome->evaluation.windows(), 3);
  EXPECT_EQ(rank.outcome->evaluation.windows_total(), 20);
  EXPECT_EQ(rank.outcome->evaluation.tokens(), 12);
}

TEST_F(TrainLoopTest, TheLastEvaluationReadsTheWholeSplitWhereThatIsCheap) {
  train()->set_steps(34);  // 0.3 * 34 * 2 = 20.4 windows
  const Rank& rank = RunAlone();
  EXPECT_EQ(rank.outcome->evaluation.windows(), 20);
  EXPECT_EQ(FinalWindows(config_.train(), 20), 20);
  EXPECT_EQ(FinalWindows(config_.train(), 21), 3);
  EXPECT_EQ(FinalWindows(config_.train(), 2), 2);
}

TEST_F(TrainLoopTest, AnEvaluationTellsHowFarItIs) {
  const Rank& rank = RunAlone();
  std::vector<double> done;
  for (const v1::JobProgress& progress : rank.progress) {
    EXPECT_EQ(progress.activity(), "evaluating");
    EXPECT_EQ(progress.total(), 3);
    done.push_back(progress.done());
  }
  EXPECT_THAT(done, ElementsAre(0, 2, 3));
}

TEST_F(TrainLoopTest, WhateverFailsBeforeTheEndIsWhatTheLoopEndsWith) {
  train()->set_eval_interval(2);
  train()->set_replica_check_interval(2);
  train()->set_checkpoint_interval(2);
  for (const char* failing : {"step 2", "evaluate 1", "check 2", "export"}) {
    std::vector<Rank> ranks(1);
    ranks[0].diary.failing = failing;
    Run(ranks);
    EXPECT_EQ(ranks[0].outcome.status().code(), absl::StatusCode::kInternal) << failing;
    EXPECT_THAT(std::string(ranks[0].outcome.status().message()), HasSubstr("scripted"));
    EXPECT_EQ(ranks[0].diary.entries.back(), failing);
  }
}

TEST_F(TrainLoopTest, ALossThatIsNotFiniteEndsTheLoop) {
  loss_ = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(RunAlone().outcome.status().code(), absl::StatusCode::kOutOfRange);
}

TEST_F(TrainLoopTest, SoDoesANormThatIsNotFinite) {
  norms_ = {3, std::numeric_limits<double>::infinity()};
  const Rank& rank = RunAlone();
  EXPECT_EQ(rank.outcome.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(rank.outcome.status().message()),
              HasSubstr("the gradient's norm is not finite (step=2"));
}

TEST_F(TrainLoopTest, AGuardSkipsOutliersSaysSoAndCountsUpdates) {
  train()->set_steps(24);
  train()->set_skip_norm_factor(2);
  norms_.assign(22, 1.0);
  norms_[5] = std::numeric_limits<double>::quiet_NaN();
  norms_[21] = 2.5;
  const Rank& rank = RunAlone();
  ASSERT_TRUE(rank.outcome.ok()) << rank.outcome.status();
  std::vector<int> skipped;
  for (const v1::StepReport& report : rank.sink.reports) {
    if (report.skipped()) skipped.push_back(report.step());
  }
  // The norms of steps 23 and 24 are 3, with a median of 1.
  EXPECT_THAT(skipped, ElementsAre(6, 22, 23, 24));
  EXPECT_EQ(rank.diary.skipped_before[5], 0);
  EXPECT_EQ(rank.diary.skipped_before[6], 1);
  EXPECT_EQ(rank.diary.skipped_before[23], 3);
  ASSERT_EQ(rank.sink.saved.size(), 3u);  // the weight, the norms and the count
  EXPECT_THAT(rank.sink.saved[1].shape, ElementsAre(23));
  EXPECT_THAT(rank.sink.saved[2].values, ElementsAre(4));
}

TEST_F(TrainLoopTest, AResumedGuardGoesOnWhereItWas) {
  train()->set_skip_norm_factor(2);
  first_step_ = 3;
  guard_ = {{"optimizer.guard.norms", {40}, std::vector<float>(40, 1.0f)},
            {"optimizer.guard.skipped", {1}, {2}}};
  const Rank& rank = RunAlone();
  ASSERT_TRUE(rank.outcome.ok()) << rank.outcome.status();
  EXPECT_TRUE(rank.sink.reports[0].skipped());
  EXPECT_THAT(rank.diary.skipped_before, ElementsAre(2));
}

TEST_F(TrainLoopTest, WithoutAGuardACheckpointIsAsItWas) {
  EXPECT_EQ(RunAlone().sink.saved.size(), 1u);
}

TEST_F(TrainLoopTest, ARunWhoseTimeIsOverEndsAsAfterItsLastStep) {
  train()->set_steps(100);
  train()->set_max_seconds(30);
  seconds_per_step_ = 10;
  const Rank& rank = RunAlone();
  ASSERT_TRUE(rank.outcome.ok()) << rank.outcome.status();
  // Three steps take 30 s; the fourth is decided before it begins.
  EXPECT_THAT(rank.diary.entries,
              ElementsAre("step 1", "end 1", "report 1", "step 2", "end 2", "report 2", "step 3",
                          "end 3", "report 3", "step 4", "end 4", "evaluate 2", "evaluate 1",
                          "check 4", "report 4 val", "export", "save 4"));
}

TEST_F(TrainLoopTest, RankZerosClockEndsTheRunForAll) {
  train()->set_steps(100);
  train()->set_max_seconds(25);
  seconds_per_step_ = 10;
  std::vector<Rank> ranks(2);
  Run(ranks);
  for (const Rank& rank : ranks) {
    ASSERT_TRUE(rank.outcome.ok()) << rank.outcome.status();
    EXPECT_EQ(rank.sink.reports.size(), 4u);
  }
}

TEST_F(TrainLoopTest, ASimulatedClockIsAskedForTheStepBefore) {
  train()->set_steps(100);
  train()->set_max_seconds(50);
  config_.set_clock(v1::CLOCK_SIMULATED);
  v1::RunClock clock;
  clock.set_step(1000);  // of any step
  clock.set_seconds(40);
  clock.set_step_seconds(9);
  control_.SetClock(clock);
  train()->set_steps(3);
  EXPECT_EQ(RunAlone().sink.reports.size(), 3u);
  clock.set_step_seconds(10);
  control_.SetClock(clock);
  std::vector<Rank> ranks(1);
  Run(ranks);
  EXPECT_EQ(ranks[0].sink.reports.size(), 2u);
}

TEST_F(TrainLoopTest, ASaveThatFailsLosesNothingThatWasTrained) {
  alone_[0].diary.failing = "save 4";
  alone_[0].diary.failure = absl::ResourceExhaustedError("the disk is full");
  const Rank& rank = RunAlone();
  ASSERT_TRUE(rank.outcome.ok()) << rank.outcome.status();
  EXPECT_EQ(rank.outcome->checkpoint.message(), "save checkpoint: the disk is full");
  EXPECT_EQ(rank.outcome->evaluation.windows(), 3);
  EXPECT_EQ(rank.sink.reports.size(), 4u);
}

TEST_F(TrainLoopTest, ASaveThatFailsOnTheWayIsForgottenAtTheNextOne) {
  train()->set_checkpoint_interval(2);
  alone_[0].diary.failing = "save 2";
  const Rank& rank = RunAlone();
  ASSERT_TRUE(rank.outcome.ok()) << rank.outcome.status();
  EXPECT_TRUE(rank.outcome->checkpoint.ok());
  EXPECT_EQ(rank.diary.entries.back(), "save 4");
}

TEST_F(TrainLoopTest, ARankThatCannotGiveItsWeightsAtTheEndKeepsNobodyWaiting) {
  std::vector<Rank> ranks(2);
  ranks[1].diary.failing = "export";
  ranks[1].diary.failure = absl::ResourceExhaustedError("out of memory");
  Run(ranks);
  for (const Rank& rank : ranks) {
    ASSERT_TRUE(rank.outcome.ok()) << rank.outcome.status();
    EXPECT_FALSE(rank.outcome->checkpoint.ok());
    EXPECT_EQ(rank.outcome->evaluation.windows(), 3);
  }
  EXPECT_THAT(std::string(ranks[1].outcome->checkpoint.message()), HasSubstr("out of memory"));
}

TEST_F(TrainLoopTest, SeveralRanksDoTheSameAndOneSaves) {
  train()->set_eval_interval(2);
  train()->set_replica_check_interval(1);
  std::vector<Rank> ranks(2);
  Run(ranks);
  ASSERT_TRUE(ranks[0].outcome.ok() && ranks[1].outcome.ok()) << ranks[0].outcome.status();
  EXPECT_EQ(ranks[0].diary.entries.back(), "save 4");
  EXPECT_EQ(ranks[1].diary.entries.back(), "export");
  EXPECT_TRUE(ranks[0].sink.reports[3].has_val_loss());
  EXPECT_FALSE(ranks[1].sink.reports[3].has_val_loss());
  EXPECT_FALSE(ranks[1].sink.reports[3].has_train_loss());
}

TEST_F(TrainLoopTest, AResumedRunBeginsAfterItsCheckpoint) {
  first_step_ = 3;
  EXPECT_THAT(RunAlone().diary.entries, ElementsAre("step 4", "end 4", "evaluate 2", "evaluate 1",
                                                    "check 4", "report 4 val", "export", "save 4"));
}

TEST_F(TrainLoopTest, AResumedRunThatHasAllItsStepsSaysSo) {
  first_step_ = 4;
  const Rank& rank = RunAlone();
  EXPECT_EQ(rank.outcome.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(rank.outcome.status().message()), HasSubstr("nothing to do"));
  EXPECT_TRUE(rank.diary.entries.empty());
}

TEST_F(TrainLoopTest, AnAbortEndsTheLoopBeforeTheNextStep) {
  control_.Abort(absl::AbortedError("rank 3 is lost"));
  const Rank& rank = RunAlone();
  EXPECT_EQ(rank.outcome.status(), absl::AbortedError("rank 3 is lost"));
  EXPECT_TRUE(rank.diary.entries.empty());
}

}  // namespace
}  // namespace edgetp
