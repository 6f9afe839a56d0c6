// Runs of replicas on the server: losses of many ranks, steps of two kinds, charged and predicted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/defaults.h"
#include "common/config/override.h"
#include "common/config/run_plans.h"
#include "common/simulate/simulated_run.h"
#include "server/prediction.h"
#include "server/simulated_clock.h"
#include "server/step_aggregator.h"
#include "server/summary.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

constexpr double kDelay = 0.020;

v1::RunConfig Config(const std::vector<std::string>& overrides) {
  v1::RunConfig config;
  EXPECT_EQ(
      ApplyOverrides({"model.layers=2", "model.heads=2", "model.channels=8", "model.sequence=4",
                      "model.vocabulary=10", "pattern=t*2", "workers=2", "train.batch=3",
                      "train.steps=7", "network.name=slow", "network.link.delay_us=20000",
                      "collective.algorithm=direct", "collective.deadline_seconds=2"},
                     &config),
      absl::OkStatus());
  EXPECT_EQ(ApplyOverrides(overrides, &config), absl::OkStatus());
  FillDefaults(&config);
  return config;
}

v1::RunConfig Local(std::vector<std::string> more = {}) {
  more.insert(more.end(), {"parallel.strategy=local", "parallel.inner_steps=3"});
  return Config(more);
}

v1::StepReport LossOf(int step, double loss, double norm) {
  v1::StepReport report;
  report.set_step(step);
  report.set_train_loss(loss);
  report.set_gradient_norm(norm);
  return report;
}

TEST(ReplicaReportsTest, LossAndNormAreMeansOverThoseThatTellThem) {
  StepAggregator aggregator(3, 10, 10, /*resumed=*/false);
  ASSERT_TRUE(aggregator.Add(0, LossOf(1, 1, 0.1)).ok());
  ASSERT_TRUE(aggregator.Add(1, LossOf(1, 2, 0.1)).ok());
  const v1::StepRecord record = **aggregator.Add(2, LossOf(1, 6, 0.1));
  EXPECT_DOUBLE_EQ(record.train_loss(), 3);
  EXPECT_EQ(record.gradient_norm(), 0.1) << "exactly, where all say the same";
}

TEST(ReplicaReportsTest, RanksThatMeetSeldomMayBeFurtherAhead) {
  StepAggregator often(2, 5000, 10, /*resumed=*/false);
  StepAggregator seldom(2, 5000, 10, /*resumed=*/false, nullptr, /*round=*/500);
  for (int step = 1; step <= 1499; ++step) {
    EXPECT_EQ(often.Add(0, LossOf(step, 1, 1)).ok(), step <= 1000);
    EXPECT_TRUE(seldom.Add(0, LossOf(step, 1, 1)).ok());
  }
  EXPECT_FALSE(seldom.Add(0, LossOf(1500, 1, 1)).ok());
}

// A run of the config that has ended; every compute segment took 1 ms.
EndedRun Ended(const v1::RunConfig& config) {
  EndedRun ended{.run = "a", .outcome = "done", .failure = absl::OkStatus()};
  ended.spec.mutable_train();
  *ended.spec.mutable_config() = config;
  ended.networks["slow"] = config.network();
  const int steps = config.train().steps();
  ended.statistics.networks = {{"slow", steps}};
  ended.statistics.step_seconds.assign(steps, 0.1);
  const RunPlans plans = *RunPlans::Build(config);
  const auto segments = [&](const StepPlan& plan) {
    return CollectiveEntries(plan.steps[0]).size() + 1;
  };
  ended.results.resize(config.workers());
  for (v1::JobResult& result : ended.results) {
    for (size_t i = 0; i < segments(plans.all()[0]); ++i) result.add_compute_seconds(0.001f);
    if (plans.all().size() < 2) continue;
    for (size_t i = 0; i < segments(plans.all()[1]); ++i)
      result.add_exchange_compute_seconds(0.001f);
  }
  return ended;
}

TEST(ReplicaPredictionTest, MostStepsOfALocalRunAreComputeAlone) {
  const auto predicted = PredictSteps(Ended(Local()), [](double) { return false; });
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  EXPECT_EQ(predicted->steps, 7);
  EXPECT_NEAR(predicted->step_seconds, 0.001, 1e-9);
}

TEST(ReplicaPredictionTest, WhereEachStepExchangesEachIsPredictedSo) {
  v1::RunConfig config = Local();
  config.mutable_parallel()->set_inner_steps(1);
  const auto predicted = PredictSteps(Ended(config), [](double) { return false; });
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  EXPECT_NEAR(predicted->step_seconds, 0.002 + kDelay, 1e-6);
}

TEST(ReplicaPredictionTest, ADataRunWaitsForItsBuckets) {
  const auto predicted =
      PredictSteps(Ended(Config({"parallel.strategy=data"})), [](double) { return false; });
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  // One bucket: computing, its delay, and the optimizer.
  EXPECT_NEAR(predicted->step_seconds, 0.002 + kDelay, 1e-3);
}

TEST(ReplicaClockTest, ALocalStepIsChargedByItsKind) {
  const v1::RunConfig config = Local({"device.name=board", "device.flops_per_second=1e6"});
  NetworkSchedule schedule(config.network());
  SimulatedClock clock(&config);
  schedule.Begin(clock.now());
  const RunPlans plans = *RunPlans::Build(config);
  const auto compute = [&](int done) {
    const ComputeTable table = BuildComputeTable(plans.Of(done), DeviceOptionsOf(config));
    absl::Duration sum;
    for (const absl::Duration each : table[0]) sum += each;
    return absl::ToDoubleSeconds(sum);
  };
  for (int done = 1; done <= 7; ++done) {
    v1::StepRecord record;
    record.set_step(done);
    const std::vector<v1::StepReport> reports(2);
    ASSERT_EQ(clock.Charge(reports, &schedule, &record), absl::OkStatus());
    const bool exchanges = done == 3 || done == 6 || done == 7;
    EXPECT_NEAR(record.step_seconds(), compute(done) + (exchanges ? kDelay : 0), 1e-6) << done;
  }
}

TEST(ReplicaClockTest, APartitionStopsAnExchangeAndNoStepBefore) {
  const v1::RunConfig config = Local({"device.name=board", "device.flops_per_second=1e6"});
  v1::RunConfig cut = config;
  cut.mutable_network()->add_partition()->add_ranks(0);
  NetworkSchedule schedule(cut.network());
  SimulatedClock clock(&cut);
  schedule.Begin(clock.now());
  const std::vector<v1::StepReport> reports(2);
  v1::StepRecord record;
  for (int done = 1; done <= 2; ++done) {
    record.set_step(done);
    EXPECT_EQ(clock.Charge(reports, &schedule, &record), absl::OkStatus());
  }
  record.set_step(3);
  EXPECT_THAT(std::string(clock.Charge(reports, &schedule, &record).message()),
              HasSubstr("link is partitioned (step=3"));
}

TEST(ReplicaSummaryTest, ItSaysStrategyAndTokens) {
  const v1::RunSummary local = Summarize(Ended(Local()), {});
  EXPECT_EQ(local.strategy(), "local");
  EXPECT_EQ(local.tokens_per_step(), 2 * 3 * 4);
  EXPECT_EQ(local.sync_points_forward(), 0);
  const v1::RunSummary tensor = Summarize(Ended(Config({})), {});
  EXPECT_EQ(tensor.strategy(), "tensor");
  EXPECT_EQ(tensor.tokens_per_step(), 3 * 4);
  EXPECT_EQ(tensor.sync_points_forward(), 4);
}

}  // namespace
}  // namespace edgetp
