// Step statistics, summary and prediction of a run.
#include "server/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/base/quantile.h"
#include "common/config/convert.h"
#include "common/config/defaults.h"
#include "common/plan/step_plan.h"
#include "server/prediction.h"
#include "server/step_aggregator.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

v1::JobSpec TwoRankJob() {
  v1::JobSpec spec;
  spec.mutable_train();
  v1::RunConfig* const config = spec.mutable_config();
  v1::ModelConfig* const model = config->mutable_model();
  model->set_name("tiny");
  model->set_layers(2);
  model->set_heads(2);
  model->set_channels(8);
  model->set_sequence(4);
  model->set_vocabulary(10);
  config->set_pattern("t*2");
  config->set_workers(2);
  config->mutable_network()->set_name("slow");
  config->mutable_network()->mutable_link()->set_delay_us(1000);
  config->mutable_collective()->set_algorithm("direct");
  FillDefaults(config);
  return spec;
}

v1::StepReport Report(int step, double seconds) {
  v1::StepReport report;
  report.set_step(step);
  report.set_step_seconds(seconds);
  report.set_end_seconds(step);
  report.set_network(step < 3 ? "wifi-5" : "lte");
  report.mutable_breakdown_seconds()->set_compute(seconds / 2);
  report.mutable_bytes()->set_activation_fwd(100);
  report.mutable_bytes()->set_grad_sync(20);
  report.set_train_loss(4.0 / step);
  return report;
}

v1::NetworkProfile Network(double delay_us) {
  v1::NetworkProfile network;
  network.mutable_link()->set_delay_us(delay_us);
  return network;
}

// Two steps under wifi-5, then two under lte.
EndedRun DoneRun() {
  StepAggregator aggregator(1, 100, 10, /*resumed=*/false);
  for (int step = 1; step <= 4; ++step)
    EXPECT_TRUE(aggregator.Add(0, Report(step, 0.1 * step)).ok());
  EndedRun ended{.run = "a", .spec = TwoRankJob(), .outcome = "done", .failure = absl::OkStatus()};
  ended.results.resize(2);
  ended.statistics = aggregator.statistics();
  ended.networks["wifi-5"] = Network(1000);
  ended.networks["lte"] = Network(5000);
  return ended;
}

TEST(StepAggregatorTest, ALossBeforeTheFirstStepIsARecordByItself) {
  StepAggregator aggregator(2, 100, 10, /*resumed=*/false);
  v1::StepReport report;
  report.set_val_loss(4.17);
  const auto record = aggregator.Add(0, report);
  ASSERT_TRUE(record.ok() && record->has_value());
  EXPECT_EQ((*record)->step(), 0);
  EXPECT_DOUBLE_EQ((*record)->val_loss(), 4.17);
  EXPECT_EQ(aggregator.statistics().last_step, 0);
}

TEST(StepAggregatorTest, BreakdownAndDurationAreMeansOverRanks) {
  StepAggregator aggregator(2, 100, 10, /*resumed=*/false);
  ASSERT_TRUE(aggregator.Add(0, Report(1, 0.1)).ok());
  const auto record = aggregator.Add(1, Report(1, 0.3));
  ASSERT_TRUE(record.ok() && record->has_value());
  EXPECT_DOUBLE_EQ((*record)->step_seconds(), 0.2);
  EXPECT_DOUBLE_EQ((*record)->breakdown_seconds().compute(), 0.1);
  EXPECT_DOUBLE_EQ(aggregator.statistics().bytes_sum, 120);
}

TEST(StepAggregatorTest, AResumedRunBeginsWhereItsFirstReportSays) {
  StepAggregator aggregator(2, 100, 10, /*resumed=*/true);
  ASSERT_TRUE(aggregator.Add(0, Report(5, 0.1)).ok());
  EXPECT_FALSE(aggregator.Add(1, Report(4, 0.1)).ok());
  EXPECT_TRUE((*aggregator.Add(1, Report(5, 0.1)))->step() == 5);
  EXPECT_FALSE(aggregator.Add(0, Report(7, 0.1)).ok());
}

TEST(StepAggregatorTest, EachStepHasItsNetwork) {
  const StepStatistics statistics = DoneRun().statistics;
  ASSERT_EQ(statistics.networks.size(), 2u);
  EXPECT_EQ(statistics.networks[0].network, "wifi-5");
  EXPECT_EQ(statistics.networks[0].steps, 2);
  EXPECT_EQ(statistics.networks[1].network, "lte");
  EXPECT_EQ(statistics.networks[1].steps, 2);
}

TEST(QuantileTest, IsTheNearestRank) {
  EXPECT_DOUBLE_EQ(Quantile({}, 0.5), 0);
  EXPECT_DOUBLE_EQ(Quantile({3, 1, 2}, 0.5), 2);
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 2, 3}, 0.5), 2);
  EXPECT_DOUBLE_EQ(Quantile({4, 1, 2, 3}, 0.99), 4);
}

TEST(SummaryTest, OfAFinishedRun) {
  const v1::RunSummary summary = Summarize(DoneRun(), Prediction{.step_seconds = 0.5});
  EXPECT_EQ(summary.status(), "done");
  EXPECT_EQ(summary.pattern(), "tt");
  EXPECT_EQ(summary.sync_points_forward(), 4);
  EXPECT_EQ(summary.steps(), 4);
  EXPECT_DOUBLE_EQ(summary.step_seconds().median(), 0.2);
  EXPECT_DOUBLE_EQ(summary.mean_step_seconds(), 0.25);
  EXPECT_DOUBLE_EQ(summary.breakdown_seconds().compute(), 0.125);
  EXPECT_DOUBLE_EQ(summary.bytes_on_the_wire_per_rank(), 120);
  EXPECT_DOUBLE_EQ(summary.final().train_loss(), 1.0);
  EXPECT_FALSE(summary.final().has_val_loss());
  EXPECT_DOUBLE_EQ(summary.wall_seconds(), 4);
  EXPECT_TRUE(summary.verdict().valid());
}

TEST(StepAggregatorTest, MfuIsTheShareOfTheIdealStep) {
  StepAggregator aggregator(1, 100, 10, /*resumed=*/false, nullptr, 1, 0.05);
  EXPECT_DOUBLE_EQ((*aggregator.Add(0, Report(1, 0.1)))->mfu(), 0.5);
  EXPECT_DOUBLE_EQ((*aggregator.Add(0, Report(2, 0.4)))->mfu(), 0.125);
  EndedRun ended = DoneRun();
  EXPECT_FALSE(Summarize(ended, {}).has_mfu());
  ended.statistics = aggregator.statistics();
  EXPECT_DOUBLE_EQ(Summarize(ended, {}).mfu(), 0.05 / 0.25);
}

TEST(StepAggregatorTest, AStepThatAnyRankHasSkippedCounts) {
  StepAggregator aggregator(2, 100, 10, /*resumed=*/false);
  v1::StepReport skipped = Report(1, 0.1);
  skipped.set_skipped(true);
  ASSERT_TRUE(aggregator.Add(0, Report(1, 0.1)).ok());
  EXPECT_TRUE((*aggregator.Add(1, skipped))->skipped());
  ASSERT_TRUE(aggregator.Add(0, Report(2, 0.1)).ok());
  EXPECT_FALSE((*aggregator.Add(1, Report(2, 0.1)))->skipped());
  EndedRun ended = DoneRun();
  ended.statistics = aggregator.statistics();
  EXPECT_EQ(Summarize(ended, {}).steps_skipped(), 1);
}

TEST(SummaryTest, SaysWhatEndedARunThatIsDone) {
  EndedRun ended = DoneRun();  // 4 steps
  ended.spec.mutable_config()->mutable_train()->set_steps(4);
  EXPECT_EQ(Summarize(ended, {}).ended_by(), "steps");
  ended.spec.mutable_config()->mutable_train()->set_steps(100);
  EXPECT_EQ(Summarize(ended, {}).ended_by(), "max_seconds");
  ended.outcome = "failed";
  EXPECT_EQ(Summarize(ended, {}).ended_by(), "");
}

TEST(SummaryTest, EveryNetworkHasItsSteps) {
  const v1::RunSummary summary =
      Summarize(DoneRun(), Prediction{.step_seconds = 0.5, .by_network = {{"lte", 0.7}}});
  EXPECT_EQ(summary.network(), "slow");
  ASSERT_EQ(summary.networks_size(), 2);
  EXPECT_EQ(summary.networks(0).network(), "wifi-5");
  EXPECT_EQ(summary.networks(0).steps(), 2);
  EXPECT_DOUBLE_EQ(summary.networks(0).step_seconds(), 0.1);
  EXPECT_DOUBLE_EQ(summary.networks(0).predicted_step_seconds(), 0);
  EXPECT_DOUBLE_EQ(summary.networks(1).step_seconds(), 0.3);
  EXPECT_DOUBLE_EQ(summary.networks(1).predicted_step_seconds(), 0.7);
}

TEST(SummaryTest, TheVerdictIsOfTheWorstRank) {
  EndedRun ended = DoneRun();
  ended.results[1].mutable_fidelity()->set_elapsed_seconds(10);
  ended.results[1].mutable_fidelity()->set_late_seconds(5);
  const v1::RunSummary summary = Summarize(ended, {});
  EXPECT_FALSE(summary.verdict().valid());
  EXPECT_DOUBLE_EQ(summary.verdict().late_share(), 0.5);
}

TEST(SummaryTest, SaysWhatThePredictionWasFedWith) {
  EndedRun ended = DoneRun();
  EXPECT_EQ(Summarize(ended, {}).compute_source(), "measured in this run");
  ended.spec.mutable_config()->mutable_device()->set_name("raspberry-pi-5");
  EXPECT_EQ(Summarize(ended, Prediction{.step_seconds = 1, .by_network = {}, .steps = 7})
                .compute_source(),
            "device profile raspberry-pi-5");
  EXPECT_EQ(Summarize(ended, Prediction{.step_seconds = 1, .by_network = {}, .steps = 7})
                .predicted_steps(),
            7);
}

TEST(SummaryTest, WithoutNetworkAndDeviceNothingIsJudged) {
  EndedRun ended = DoneRun();
  ended.results[0].mutable_fidelity()->set_elapsed_seconds(10);
  ended.results[0].mutable_fidelity()->set_late_seconds(5);
  ended.networks["wifi-5"] = v1::NetworkProfile();
  EXPECT_TRUE(Summarize(ended, {}).verdict().judged()) << "lte has a delay";
  ended.networks["lte"] = v1::NetworkProfile();
  EXPECT_FALSE(Summarize(ended, {}).verdict().judged());
  EXPECT_TRUE(Summarize(ended, {}).verdict().valid());
  ended.spec.mutable_config()->mutable_device()->set_name("raspberry-pi-5");
  EXPECT_TRUE(Summarize(ended, {}).verdict().judged()) << "compute is paced";
}

TEST(SummaryTest, TheSimulatedClockIsNotJudged) {
  EndedRun ended = DoneRun();
  ended.spec.mutable_config()->set_clock(v1::CLOCK_SIMULATED);
  const v1::Verdict verdict = Summarize(ended, {}).verdict();
  EXPECT_FALSE(verdict.judged());
  EXPECT_THAT(verdict.reason(), HasSubstr("not judged"));
}

TEST(SummaryTest, OfAFailedRunSaysWhyAndIsNotValid) {
  EndedRun ended = DoneRun();
  ended.outcome = "failed";
  ended.failure = absl::UnavailableError("rank 1 (worker-2, pid 7): lost: stream closed");
  const v1::RunSummary summary = Summarize(ended, {});
  EXPECT_EQ(summary.status(), "failed");
  EXPECT_THAT(summary.error(), HasSubstr("worker-2"));
  EXPECT_FALSE(summary.verdict().valid());
  EXPECT_EQ(summary.steps(), 4);
}

TEST(SummaryTest, ACheckpointThatWasNotSavedLeavesAllTheRest) {
  EndedRun ended = DoneRun();
  ended.results[0].set_checkpoint_error("save checkpoint: the disk is full");
  EXPECT_EQ(Summarize(ended, {}).checkpoint_error(), "save checkpoint: the disk is full");
  ended.results[1].set_checkpoint_error("out of memory");
  const v1::RunSummary summary = Summarize(ended, {});
  EXPECT_EQ(summary.checkpoint_error(),
            "rank 0: save checkpoint: the disk is full; rank 1: out of memory");
  EXPECT_EQ(summary.status(), "done");
  EXPECT_TRUE(summary.verdict().valid());
  EXPECT_EQ(summary.steps(), 4);
}

TEST(SummaryTest, TheValidationLossSaysHowMuchOfTheSplitItIs) {
  EndedRun ended = DoneRun();
  StepAggregator aggregator(2, 100, 10, /*resumed=*/false);
  v1::StepReport report = Report(1, 0.1);
  EXPECT_TRUE(aggregator.Add(1, report).ok());
  report.set_val_loss(1.7);
  report.set_val_windows(200);
  EXPECT_TRUE(aggregator.Add(0, report).ok());
  ended.statistics = aggregator.statistics();
  ended.results[0].mutable_eval()->set_windows_total(1742);
  const v1::RunSummary summary = Summarize(ended, {});
  EXPECT_DOUBLE_EQ(summary.final().val_loss(), 1.7);
  EXPECT_EQ(summary.val_windows(), 200);
  EXPECT_EQ(summary.val_windows_total(), 1742);
}

TEST(SummaryTest, OfARunThatNeverStartedIsReadable) {
  EndedRun ended{.run = "a",
                 .spec = TwoRankJob(),
                 .outcome = "stopped",
                 .failure = absl::CancelledError("stopped")};
  EXPECT_EQ(Summarize(ended, {}).steps(), 0);
}

bool Never(double) { return false; }

class PredictionTest : public ::testing::Test {
 protected:
  // Every segment takes 1 ms on every rank.
  void SetUp() override {
    const auto plan = BuildStepPlan(*ToPlanOptions(ended_.spec.config()));
    ASSERT_TRUE(plan.ok()) << plan.status();
    collectives_ = static_cast<int>(Collectives(plan->steps[0]).size());
    for (v1::JobResult& result : ended_.results) {
      for (int segment = 0; segment <= collectives_; ++segment) result.add_compute_seconds(0.001f);
    }
  }

  double Predicted() const { return PredictSteps(ended_, &Never)->step_seconds; }

  EndedRun ended_ = DoneRun();
  int collectives_ = 0;
};

TEST_F(PredictionTest, IsComputePlusADelayPerCollectiveOfEachNetwork) {
  const auto predicted = PredictSteps(ended_, &Never);
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  const double compute = 0.001 * (collectives_ + 1);
  EXPECT_NEAR(predicted->by_network.at("wifi-5"), compute + 0.001 * collectives_, 1e-6);
  EXPECT_NEAR(predicted->by_network.at("lte"), compute + 0.005 * collectives_, 1e-6);
}

TEST_F(PredictionTest, TheMedianIsOverStepsInTheRunsProportions) {
  std::vector<NetworkSpan>& networks = ended_.statistics.networks;
  networks = {{"wifi-5", 900}, {"lte", 600}};
  EXPECT_NEAR(Predicted(), PredictSteps(ended_, &Never)->by_network.at("wifi-5"), 1e-9);
  networks = {{"lte", 1200}, {"wifi-5", 300}};
  EXPECT_NEAR(Predicted(), PredictSteps(ended_, &Never)->by_network.at("lte"), 1e-9);
}

TEST_F(PredictionTest, ItSaysHowManyStepsItSimulated) {
  EXPECT_EQ(PredictSteps(ended_, &Never)->steps, 4);
  ended_.statistics.networks = {{"wifi-5", 900}, {"lte", 600}};
  EXPECT_EQ(PredictSteps(ended_, &Never)->steps, 200);
}

TEST_F(PredictionTest, WhenTimeIsUpTheStepsSoFarCount) {
  ended_.statistics.networks = {{"wifi-5", 900}, {"lte", 600}};
  int asked = 0;
  // Time for ten steps under each network.
  const auto cut =
      PredictSteps(ended_, [&asked](double share) { return share < 1 && ++asked % 10 == 0; });
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_LT(cut->steps, 200);
  const auto whole = PredictSteps(ended_, &Never);
  EXPECT_NEAR(cut->by_network.at("lte"), whole->by_network.at("lte"), 1e-9);
  EXPECT_NEAR(cut->step_seconds, whole->step_seconds, 1e-9);
}

TEST_F(PredictionTest, ANetworkThatNoTimeIsLeftForLeavesTheRunWithout) {
  bool first = true;
  const auto cut = PredictSteps(ended_, [&first](double) { return !std::exchange(first, false); });
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_EQ(cut->by_network.size(), 1u);
  EXPECT_EQ(cut->steps, 1);
  EXPECT_EQ(cut->step_seconds, 0);
}

TEST_F(PredictionTest, APartitionIsNotWaitedFor) {
  ended_.networks["lte"].add_partition()->add_ranks(0);
  EXPECT_NEAR(PredictSteps(ended_, &Never)->by_network.at("lte"),
              0.001 * (collectives_ + 1) + 0.005 * collectives_, 1e-6);
}

TEST_F(PredictionTest, AStepUnderAnUnknownNetworkIsAnError) {
  ended_.networks.erase("lte");
  EXPECT_THAT(std::string(PredictSteps(ended_, &Never).status().message()), HasSubstr("named lte"));
}

TEST_F(PredictionTest, TheSoftwareCostOfAMessageCounts) {
  const double without = Predicted();
  for (v1::JobResult& result : ended_.results) result.set_message_overhead_us(100);
  EXPECT_GT(Predicted(), without + 100e-6 * collectives_ - 1e-9);
}

TEST_F(PredictionTest, TheAlgorithmThatAutoBecameCounts) {
  ended_.spec.mutable_config()->mutable_collective()->set_algorithm("auto");
  for (v1::JobResult& result : ended_.results) result.set_allreduce_algorithm("two_phase");
  const double two_phase = Predicted();
  for (v1::JobResult& result : ended_.results) result.set_allreduce_algorithm("direct");
  EXPECT_NEAR(two_phase - Predicted(), 0.001 * collectives_, 1e-6);
}

TEST_F(PredictionTest, ComputeTimesThatDoNotFitThePlanAreAnError) {
  ended_.results[1].add_compute_seconds(0.001f);
  const absl::Status status = PredictSteps(ended_, &Never).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("rank=1"));
}

}  // namespace
}  // namespace edgetp
