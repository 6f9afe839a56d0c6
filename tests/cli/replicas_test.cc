// --strategy and its flags, and what strategies change in tables and in what is left of a run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/shared/command.h"
#include "cli/shared/eta.h"
#include "cli/shared/replica_tables.h"
#include "cli/shared/report_tables.h"
#include "cli/shared/run_options.h"

namespace edgetp {
namespace {

using testing::HasSubstr;
using testing::Not;

RunFlags Flags() {
  RunFlags flags;
  flags.config_path = std::string(EDGETP_SOURCE_DIR) + "/configs";
  return flags;
}

std::string Fault(const RunFlags& flags) {
  return std::string(ResolveRun(flags, v1::RunConfig(), 65).status().message());
}

TEST(StrategyFlagsTest, TheyAreKeptAsTyped) {
  RunFlags flags = Flags();
  flags.strategy = "data";
  flags.bucket = "256KiB";
  const auto data = ResolveRun(flags, v1::RunConfig(), 65);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->parallel().strategy(), "data");
  EXPECT_EQ(data->parallel().bucket_bytes(), 256 << 10);
  flags.bucket = "much";
  EXPECT_THAT(Fault(flags), HasSubstr("--bucket: "));
  flags.bucket.reset();
  flags.inner_steps = 5;
  EXPECT_THAT(Fault(flags), HasSubstr("parallel.inner_steps: is of strategy local alone"));
}

TEST(StrategyFlagsTest, AnotherStrategyLeavesTheFieldsOfAPresetBehind) {
  v1::RunConfig base;
  base.mutable_parallel()->set_strategy("local");
  base.mutable_parallel()->set_inner_steps(7);
  base.mutable_parallel()->set_outer_momentum(0.5);
  RunFlags flags = Flags();
  EXPECT_EQ(ResolveRun(flags, base, 65)->parallel().inner_steps(), 7);
  flags.strategy = "data";
  const auto data = ResolveRun(flags, base, 65);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_FALSE(data->parallel().has_inner_steps() || data->parallel().has_outer_momentum());
}

TEST(StrategyFlagsTest, InAListEachOptionGoesToItsStrategy) {
  RunFlags flags = Flags();
  flags.bucket = "1MiB";
  flags.inner_steps = 5;
  const std::vector<std::string> all = {"tensor", "data", "local"};
  for (const std::string& strategy : all) {
    const RunFlags one = WithStrategy(flags, strategy, all);
    EXPECT_EQ(Fault(one), "") << strategy;
    EXPECT_EQ(one.bucket.has_value(), strategy == "data");
    EXPECT_EQ(one.inner_steps.has_value(), strategy == "local");
  }
  // Where none of the list takes it, it is a fault.
  EXPECT_THAT(Fault(WithStrategy(flags, "tensor", {"tensor"})), HasSubstr("bucket_bytes"));
}

v1::RunSummary Row(const std::string& strategy, double median, double mean, double tokens) {
  v1::RunSummary run;
  run.set_network("lte");
  run.set_workers(2);
  run.set_strategy(strategy);
  run.set_tokens_per_step(tokens);
  run.mutable_step_seconds()->set_median(median);
  run.set_mean_step_seconds(mean);
  run.mutable_verdict()->set_valid(true);
  run.set_status("done");
  return run;
}

TEST(ReplicaTablesTest, StepsAreComparedByTokenAndLocalOnesByTheirMean) {
  v1::SweepReport sweep;
  *sweep.add_rows() = Row("tensor", 0.4, 0.5, 100);
  *sweep.add_rows() = Row("data", 0.2, 0.2, 200);
  *sweep.add_rows() = Row("local", 0.01, 0.1, 200);
  EXPECT_DOUBLE_EQ(StepRatio(sweep.rows(1), sweep.rows(0)), 0.25);
  EXPECT_DOUBLE_EQ(StepRatio(sweep.rows(2), sweep.rows(0)), 0.125);
  const std::string table = SweepTable(sweep, {"tttt", "tttt data", "tttt local"});
  EXPECT_THAT(table, HasSubstr("75.0 %"));
  EXPECT_THAT(table, HasSubstr("87.5 %"));
  EXPECT_THAT(table,
              HasSubstr("tttt local on lte: the mean step, exchanges included, takes 100 ms"));
  EXPECT_THAT(table, HasSubstr("time saved is per token"));
  v1::SweepReport alike;
  *alike.add_rows() = Row("tensor", 0.4, 0.5, 100);
  EXPECT_EQ(StrategyNotes(alike, {"tttt"}), "");
}

TEST(ReplicaTablesTest, ARunSaysHowItsReplicasWork) {
  EXPECT_THAT(TrainTable(Row("data", 0.2, 0.2, 1536)),
              HasSubstr("data: 2 replicas, 1.54K tokens per step together"));
  EXPECT_THAT(TrainTable(Row("tensor", 0.2, 0.2, 768)), Not(HasSubstr("strategy")));
}

TEST(ReplicaEtaTest, WhatIsDueBetweenExchangesIsChargedOnceAfterTheNext) {
  v1::TrainConfig train;
  train.set_steps(12);
  train.set_eval_interval(1);
  RunEta eta(train, /*round=*/4);  // evaluates after 4, 8 and 12
  const auto add = [&](int step, double wall_seconds) {
    v1::StepRecord record;
    record.set_step(step);
    record.set_wall_seconds(wall_seconds);
    record.set_step_seconds(1);
    if (step % 4 == 0) record.set_val_loss(2);
    eta.Add(record);
  };
  for (int step = 1; step <= 4; ++step) add(step, step);
  add(5, 15);  // an evaluation of 10 s before it
  EXPECT_DOUBLE_EQ(*eta.Seconds(), 7 + 2 * 10);
}

}  // namespace
}  // namespace edgetp
