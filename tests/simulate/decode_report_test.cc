// Tokens one by one on boards made by hand.
#include "common/simulate/decode_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/simulate/simulate_case.h"

namespace edgetp {
namespace {

DecodeCase MiniGptDecode(int workers, int batch) {
  v1::DeviceProfile board = testing::Board(1e9);
  board.set_memory_bytes_per_second(1e9);
  DecodeCase run{testing::MiniGptCase(workers, board).forecast, {}, "minigpt", "board"};
  run.forecast.plan.batch = batch;
  run.forecast.algorithm = "direct";
  return run;
}

TEST(DecodeReportTest, ATokenIsItsComputeAndItsSums) {
  DecodeCase run = MiniGptDecode(2, 1);
  run.work.tokens = 16;  // the context never begins anew
  const v1::DecodeRow row = *SimulateDecode(run);
  // Eight sums of a row of 128 channels, one step each: software at both ends, delay, and bytes.
  const double sums = 8 * (2 * 100e-6 + 3e-3 + 128 * 4 * 8 / 3e8);
  EXPECT_NEAR(row.token_seconds() - row.breakdown_seconds().compute(), sums, 1e-5);
  EXPECT_EQ(row.bytes_per_token_per_rank(), 8 * 128 * 4);
  EXPECT_NEAR(row.communication_share(), sums / row.token_seconds(), 1e-3);
  EXPECT_EQ(row.allreduce_algorithm(), "direct");
  EXPECT_NEAR(row.tokens_per_second() * row.token_seconds(), 1, 1e-9);
}

TEST(DecodeReportTest, ComputeIsWhatReadingTheWeightsTakes) {
  DecodeCase run = MiniGptDecode(1, 1);
  run.work.tokens = 2;  // one later token, whose context is the prompt and it
  const v1::DecodeRow row = *SimulateDecode(run);
  double seconds = 0;
  const auto plan = BuildDecodePlan(run.forecast.plan, {.cached = 32, .capacity = 34});
  for (const PlanStep& step : plan->steps[0]) {
    const auto& compute = std::get<ComputeStep>(step);
    seconds += std::max(compute.flops, compute.bytes_touched) / 1e9;
  }
  EXPECT_NEAR(row.token_seconds(), seconds, 1e-8);
  EXPECT_NEAR(row.token_seconds(), 0.8e6 * 4 / 1e9, 0.1 * 0.8e6 * 4 / 1e9);
}

TEST(DecodeReportTest, FourPromptsCostHardlyMoreThanOne) {
  const v1::DecodeRow one = *SimulateDecode(MiniGptDecode(2, 1));
  const v1::DecodeRow four = *SimulateDecode(MiniGptDecode(2, 4));
  EXPECT_LT(four.token_seconds(), 1.5 * one.token_seconds());
  EXPECT_EQ(four.bytes_per_token_per_rank(), one.bytes_per_token_per_rank());
  EXPECT_GT(four.tokens_per_second(), 2.5 * one.tokens_per_second());
}

TEST(DecodeReportTest, WithoutACacheTheContextIsComputedForEachToken) {
  DecodeCase run = MiniGptDecode(2, 1);
  const double cached = SimulateDecode(run)->token_seconds();
  run.work.cache = false;
  EXPECT_GT(SimulateDecode(run)->token_seconds(), 2 * cached);
}

TEST(DecodeReportTest, PassesGrowUntilTheWindowIsFullAndBeginAnew) {
  const auto passes = PassesOf({.prompt_tokens = 3, .tokens = 8}, 6);
  std::vector<std::pair<int, int>> sizes;
  for (const DecodePass& pass : passes) sizes.emplace_back(pass.new_tokens, pass.cached);
  using ::testing::ElementsAre;
  using ::testing::Pair;
  EXPECT_THAT(sizes, ElementsAre(Pair(3, 0), Pair(1, 3), Pair(1, 4), Pair(1, 5), Pair(3, 0),
                                 Pair(1, 3), Pair(1, 4), Pair(1, 5)));
}

TEST(DecodeReportTest, MemoryGrowsWithTheCache) {
  DecodeCase run = MiniGptDecode(2, 1);
  const double one = SimulateDecode(run)->memory_bytes_per_rank(1).activations();
  EXPECT_EQ(one, 4.0 * 4 * 2 * 64 * 64);  // 96 tokens do not fit the window of 64
  run.forecast.plan.batch = 3;
  EXPECT_EQ(SimulateDecode(run)->memory_bytes_per_rank(1).activations(), 3 * one);
}

// A calibrated host, whose products are priced by their arithmetic in training.
TEST(DecodeReportTest, OnACalibratedHostProductsWaitForMemory) {
  DecodeCase run = MiniGptDecode(1, 1);
  v1::DeviceProfile& board = run.forecast.devices[0];
  board.set_flops_per_second(1e12);
  board.set_elementwise_bytes_per_second(1e12);
  board.set_optimizer_bytes_per_second(1e12);
  const double slow = SimulateDecode(run)->token_seconds();
  board.set_memory_bytes_per_second(2e9);
  EXPECT_NEAR(SimulateDecode(run)->token_seconds(), slow / 2, 0.02 * slow);
}

}  // namespace
}  // namespace edgetp
