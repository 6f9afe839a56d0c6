#include "common/simulate/simulate_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "common/simulate/trace.h"

namespace edgetp {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::DeviceProfile Board(double flops_per_second, double memory_bytes) {
  v1::DeviceProfile device;
  device.set_name("board");
  device.set_flops_per_second(flops_per_second);
  device.set_memory_bytes(memory_bytes);
  device.set_message_overhead_us(100);
  return device;
}

SimulateCase MiniGpt(const std::string& pattern, int workers) {
  SimulateCase run;
  run.model = "minigpt";
  run.device = "board";
  PlanOptions& plan = run.forecast.plan;
  plan.shape = {.layers = 4, .heads = 4, .channels = 128, .sequence = 64, .vocabulary = 65};
  plan.pattern = Pattern::Parse(pattern, 4).value();
  plan.world_size = workers;
  plan.batch = 12;
  run.forecast.devices = {Board(1e10, 1e9)};
  run.forecast.network.set_name("home");
  run.forecast.network.mutable_link()->set_delay_us(3000);
  run.forecast.network.mutable_link()->set_rate_bits_per_second(3e8);
  return run;
}

double Sum(const v1::Breakdown& terms) {
  double sum = 0;
  for (const BreakdownTerm& term : kBreakdownTerms) sum += (terms.*term.seconds)();
  return sum;
}

TEST(SimulateTest, BreakdownsAddUpToTheMeanStep) {
  for (const char* pattern : {"tttt", "sppp"}) {
    SimulateCase run = MiniGpt(pattern, 4);
    run.forecast.network.mutable_link()->set_jitter_us(1000);
    const auto report = Simulate(run);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_NEAR(Sum(report->breakdown_seconds()), report->mean_step_seconds(), 1e-7);
    ASSERT_EQ(report->breakdown_seconds_per_rank_size(), 4);
    double mean = 0;
    for (const auto& rank : report->breakdown_seconds_per_rank()) mean += Sum(rank) / 4;
    EXPECT_NEAR(mean, report->mean_step_seconds(), 1e-7);
  }
}

TEST(SimulateTest, StagingIsATermOfItsOwn) {
  SimulateCase run = MiniGpt("tttt", 2);
  const double software = Simulate(run)->breakdown_seconds().software();
  run.forecast.devices[0].set_staging_bytes_per_second(1e9);
  const auto report = Simulate(run);
  // 16 all-reduces of (12, 64, 128) float32 and one scalar, each there and back.
  EXPECT_NEAR(report->breakdown_seconds().staging(), 2 * (16 * 393216 + 4) / 1e9, 1e-7);
  EXPECT_NEAR(report->breakdown_seconds().software(), software, 1e-7);
  EXPECT_NEAR(Sum(report->breakdown_seconds()), report->mean_step_seconds(), 1e-7);
}

TEST(SimulateTest, JitterIsSimulatedForAsManyStepsAsAP99Needs) {
  SimulateCase run = MiniGpt("sppp", 2);
  EXPECT_EQ(Simulate(run)->step_seconds_p99(), Simulate(run)->step_seconds());
  run.forecast.network.mutable_link()->set_jitter_us(1000);
  const auto report = Simulate(run);
  EXPECT_EQ(report->steps(), 100);
  EXPECT_GT(report->step_seconds_p99(), report->step_seconds());
}

TEST(SimulateTest, TheSameSeedGivesTheSameReportAndAnotherAnother) {
  SimulateCase run = MiniGpt("tttt", 4);
  run.forecast.network.mutable_link()->set_jitter_us(1000);
  run.forecast.seed = 7;
  const std::string first = Simulate(run)->SerializeAsString();
  EXPECT_EQ(Simulate(run)->SerializeAsString(), first);
  run.forecast.seed = 8;
  EXPECT_NE(Simulate(run)->SerializeAsString(), first);
}

TEST(SimulateTest, AStepWithoutANetworkIsItsComputeAndSoftware) {
  SimulateCase run = MiniGpt("tttt", 1);
  run.forecast.network.Clear();
  const auto report = Simulate(run);
  const StepPlan plan = BuildStepPlan(run.forecast.plan).value();
  double flops = 0;
  for (const PlanStep& step : plan.steps[0]) flops += std::get<ComputeStep>(step).flops;
  EXPECT_NEAR(report->step_seconds(), flops / 1e10, 1e-6);
  EXPECT_EQ(report->allreduce_algorithm(), "none");
  EXPECT_EQ(report->bytes_on_the_wire_per_rank(), 0);
}

TEST(SimulateTest, CountsWhatAnAlgorithmSends) {
  SimulateCase run = MiniGpt("tttt", 4);
  run.forecast.algorithm = "ring";
  // 16 all-reduces of (12, 64, 128) fp32, 2 (P-1)/P of each.
  EXPECT_NEAR(Simulate(run)->bytes_on_the_wire_per_rank(), 16 * 393216 * 1.5, 16);
  EXPECT_EQ(Simulate(run)->allreduce_algorithm(), "ring");
}

TEST(SimulateTest, WhatFitsIsToldByRankAndDevice) {
  SimulateCase run = MiniGpt("tttt", 2);
  EXPECT_THAT(Simulate(run)->fits(), ElementsAre(true, true));
  run.forecast.devices = {Board(1e10, 1e9), Board(1e10, 1e6)};
  const auto report = Simulate(run);
  EXPECT_THAT(report->fits(), ElementsAre(true, false));
  EXPECT_FALSE(report->feasible());
  EXPECT_THAT(report->reason(), HasSubstr("rank 1 needs"));
  EXPECT_FALSE(report->has_smallest_workers_that_fit());  // of which of the two devices?
}

TEST(SimulateTest, TheSmallestWorldSizeThatFitsIsADivisorOfTheHeads) {
  PlanOptions plan = MiniGpt("tttt", 1).forecast.plan;
  std::vector<double> need;
  for (plan.world_size = 1; plan.world_size <= 4; plan.world_size *= 2) {
    need.push_back(BuildStepPlan(plan)->memory[0].total_bytes());
  }
  EXPECT_EQ(SmallestWorldSizeThatFits(plan, Board(1e10, need[0])).value(), 1);
  EXPECT_EQ(SmallestWorldSizeThatFits(plan, Board(1e10, need[1])).value(), 2);
  EXPECT_EQ(SmallestWorldSizeThatFits(plan, Board(1e10, need[1] - 1)).value(), 4);
  EXPECT_EQ(SmallestWorldSizeThatFits(plan, Board(1e10, need[2] - 1)).value(), std::nullopt);
}

TEST(SimulateTest, AnAcceleratorsMemoryIsItsOwn) {
  SimulateCase run = MiniGpt("tttt", 2);
  const double on_cpu = Simulate(run)->memory_bytes_per_rank(0).process();
  run.forecast.devices[0].set_staging_bytes_per_second(1e10);
  // Its context, instead of the program and its libraries.
  EXPECT_GT(Simulate(run)->memory_bytes_per_rank(0).process(), on_cpu);
}

TEST(SimulateTest, MemoryThatTheProfileDoesNotTellIsNotJudged) {
  SimulateCase run = MiniGpt("tttt", 2);
  run.forecast.devices[0].clear_memory_bytes();
  const auto report = Simulate(run);
  EXPECT_THAT(report->device_memory_bytes_per_rank(), Each(0));
  EXPECT_TRUE(report->feasible());
}

TEST(SimulateTest, AHopelessLinkIsInfeasibleAndSaysWhatLimitsIt) {
  SimulateCase run = MiniGpt("tttt", 2);
  run.forecast.network.mutable_link()->set_rate_bits_per_second(5470);
  const auto report = Simulate(run);
  EXPECT_FALSE(report->feasible());
  EXPECT_THAT(
      report->reason(),
      HasSubstr("minutes per step: the network is 100 % of it, most of that serialization"));
  run.max_step = absl::Hours(24);
  EXPECT_THAT(Simulate(run)->reason(), IsEmpty());
}

TEST(SimulateTest, AHopelessDeviceIsInfeasibleToo) {
  SimulateCase run = MiniGpt("tttt", 2);
  run.forecast.devices = {Board(1e6, 1e9)};
  EXPECT_THAT(Simulate(run)->reason(), HasSubstr("minutes per step: compute is 100 % of it"));
}

TEST(SimulateTest, ATooLargeStepIsNotTraced) {
  SimulateCase run = MiniGpt("tttt", 4);
  run.forecast.segment_bytes = 4;
  const StepPlan plan = BuildStepPlan(run.forecast.plan).value();
  TraceRecorder recorder(plan, std::vector<std::string>(4, "board"));
  const auto report = Simulate(run, &recorder);
  EXPECT_EQ(report.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("at most 100000"));
}

}  // namespace
}  // namespace edgetp
