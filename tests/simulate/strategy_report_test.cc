// What is reported of strategies: times and bytes of one optimizer step, tokens, memory, traces.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/simulate/simulate_report.h"
#include "common/simulate/trace.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

v1::DeviceProfile Board(const std::string& name, double flops_per_second) {
  v1::DeviceProfile device;
  device.set_name(name);
  device.set_flops_per_second(flops_per_second);
  device.set_memory_bytes(1e9);
  device.set_message_overhead_us(100);
  return device;
}

SimulateCase Case(const std::string& strategy, int workers = 4) {
  SimulateCase run;
  run.device = "board";
  PlanOptions& plan = run.forecast.plan;
  plan.shape = {.layers = 4, .heads = 4, .channels = 128, .sequence = 64, .vocabulary = 65};
  plan.pattern = Pattern::Parse("tttt", 4).value();
  plan.world_size = workers;
  plan.batch = 2;
  plan.micro_batches = 4;
  run.forecast.devices = {Board("board", 1e10)};
  run.forecast.network.mutable_link()->set_delay_us(3000);
  run.forecast.network.mutable_link()->set_rate_bits_per_second(3e8);
  run.strategy.emplace();
  run.strategy->strategy = strategy;
  return run;
}

v1::SimulateReport Simulated(const SimulateCase& run) {
  const auto report = Simulate(run);
  EXPECT_TRUE(report.ok()) << report.status();
  return *report;
}

double Sum(const v1::Breakdown& terms) {
  double sum = 0;
  for (const BreakdownTerm& term : kBreakdownTerms) sum += (terms.*term.seconds)();
  return sum;
}

TEST(StrategyReportTest, TermsOfEveryStrategyAddUpToTheStep) {
  for (const char* strategy : {"one", "tensor", "pipeline", "data", "local", "data=2,tensor=2",
                               "pipeline=2,tensor=2", "local=2,pipeline=2"}) {
    const v1::SimulateReport report = Simulated(Case(strategy));
    EXPECT_NEAR(Sum(report.breakdown_seconds()), report.mean_step_seconds(), 1e-7) << strategy;
    EXPECT_GT(report.step_seconds(), 0);
    EXPECT_NEAR(report.tokens_per_second() * report.step_seconds(),
                report.strategy().tokens_per_step(), 1e-3)
        << strategy;
    EXPECT_EQ(report.memory_bytes_per_rank_size(), report.workers());
  }
}

TEST(StrategyReportTest, TensorIsWhatIsSimulatedWhereNobodyAsks) {
  SimulateCase plain = Case("tensor");
  plain.strategy.reset();
  const v1::SimulateReport asked = Simulated(Case("tensor")), report = Simulated(plain);
  EXPECT_EQ(asked.step_seconds(), report.step_seconds());
  EXPECT_EQ(asked.bytes_on_the_wire_per_rank(), report.bytes_on_the_wire_per_rank());
  EXPECT_FALSE(report.has_strategy());
}

TEST(StrategyReportTest, OneIsTheFirstDeviceByItself) {
  SimulateCase run = Case("one", 2);
  run.forecast.devices = {Board("slow", 1e9), Board("fast", 1e11)};
  const v1::SimulateReport report = Simulated(run);
  EXPECT_EQ(report.workers(), 1);
  EXPECT_EQ(report.bytes_on_the_wire_per_rank(), 0);
  EXPECT_NEAR(report.breakdown_seconds().compute(), report.mean_step_seconds(), 1e-9);
  run.forecast.devices = {Board("slow", 1e9)};
  EXPECT_EQ(Simulated(run).step_seconds(), report.step_seconds());
}

TEST(StrategyReportTest, AStepOfALocalRoundHasItsShareOfTheExchange) {
  SimulateCase run = Case("local");
  run.strategy->inner_steps = 10;
  const v1::SimulateReport ten = Simulated(run);
  EXPECT_NEAR(ten.strategy().round_seconds(), 10 * ten.step_seconds(), 1e-9);
  run.strategy->inner_steps = 20;
  const v1::SimulateReport twenty = Simulated(run);
  EXPECT_NEAR(twenty.bytes_on_the_wire_per_rank(), ten.bytes_on_the_wire_per_rank() / 2, 1);
  EXPECT_LT(twenty.step_seconds(), ten.step_seconds());
  EXPECT_EQ(twenty.strategy().tokens_per_step(), ten.strategy().tokens_per_step());
}

TEST(StrategyReportTest, APipelineIsCutByTheSpeedsOfItsDevices) {
  SimulateCase run = Case("pipeline", 2);
  run.forecast.plan.shape.vocabulary = 1;
  run.forecast.devices = {Board("slow", 1e10), Board("fast", 3e10)};
  const v1::SimulateReport report = Simulated(run);
  EXPECT_THAT(report.strategy().stage_layers(), ::testing::ElementsAre(1, 3));
  EXPECT_EQ(report.strategy().schedule(), "1f1b");
}

TEST(StrategyReportTest, ATraceHasTheMessagesOfAPipeline) {
  const SimulateCase run = Case("pipeline");
  const StrategyPlan strategy = PlanOf(run.forecast, run.strategy).value();
  TraceRecorder recorder(strategy.plan, std::vector<std::string>(4, "board"));
  ASSERT_TRUE(Simulate(run, &recorder).ok());
  const std::string json = recorder.Json();
  EXPECT_FALSE(nlohmann::json::parse(json).empty());
  EXPECT_THAT(json, HasSubstr("\"activation_fwd 0 to 1\""));
  EXPECT_THAT(json, HasSubstr("\"activation_fwd 0 from 0\""));
  EXPECT_THAT(json, HasSubstr("\"activation_bwd 3 to 2\""));
}

TEST(StrategyReportTest, WhatIsNoStrategyIsAnError) {
  EXPECT_THAT(std::string(Simulate(Case("data=3,tensor=3")).status().message()),
              HasSubstr("3 * 3 = 9 ranks, but workers=4"));
}

}  // namespace
}  // namespace edgetp
