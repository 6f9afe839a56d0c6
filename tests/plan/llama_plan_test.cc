#include "common/plan/llama_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgetp {
namespace {

using ::testing::HasSubstr;

LlamaOptions Tiny(int world_size, LlamaSync sync) {
  LlamaOptions options;
  options.shape = {
      .layers = 2, .heads = 8, .kv_heads = 4, .channels = 512, .hidden = 1024, .vocabulary = 1000};
  options.world_size = world_size;
  options.sync = sync;
  options.context = 7;
  options.wire = WireFormat::Parse("int8:g32").value();
  return options;
}

StepPlan Plan(const LlamaOptions& options) { return BuildLlamaPlan(options).value(); }

double BytesTouched(const std::vector<PlanStep>& steps) {
  double bytes = 0;
  for (const PlanStep& step : steps) {
    if (const auto* compute = std::get_if<ComputeStep>(&step)) bytes += compute->bytes_touched;
  }
  return bytes;
}

TEST(LlamaPlanTest, OneRankReadsEveryWeightOnceAndExchangesNothing) {
  const StepPlan plan = Plan(Tiny(1, LlamaSync::kSlices));
  EXPECT_TRUE(Collectives(plan.steps[0]).empty());
  // q and o, k and v (half as wide), w1, w2, w3; the head.
  const double weights = 2 * (2 * 512 * 512 + 2 * 512 * 256 + 3 * 512 * 1024) + 512 * 1000;
  const double cache = 2 * 2 * 8 * 256 * 4.0;
  EXPECT_DOUBLE_EQ(plan.total_parameters, weights);
  EXPECT_DOUBLE_EQ(BytesTouched(plan.steps[0]), weights * 18 / 32 + cache);
}

TEST(LlamaPlanTest, LayersAreDividedAndTheHeadIsTheRoots) {
  for (const LlamaSync sync : {LlamaSync::kSlices, LlamaSync::kSums}) {
    const StepPlan whole = Plan(Tiny(1, sync));
    const StepPlan plan = Plan(Tiny(4, sync));
    EXPECT_DOUBLE_EQ(plan.total_parameters, whole.total_parameters);
    EXPECT_DOUBLE_EQ(plan.parameters[0] - plan.parameters[1], 512 * 1000);
    EXPECT_DOUBLE_EQ(plan.parameters[1], plan.parameters[3]);
    EXPECT_NEAR(BytesTouched(plan.steps[0]) + 3 * BytesTouched(plan.steps[3]),
                BytesTouched(whole.steps[0]), 1e-6);
  }
}

TEST(LlamaPlanTest, AllRanksHaveTheSameCollectives) {
  for (const LlamaSync sync : {LlamaSync::kSlices, LlamaSync::kSums}) {
    const StepPlan plan = Plan(Tiny(2, sync));
    const auto root = Collectives(plan.steps[0]);
    const auto other = Collectives(plan.steps[1]);
    ASSERT_EQ(root.size(), other.size());
    EXPECT_EQ(root.size(), sync == LlamaSync::kSums ? 4u : 20u);
    for (size_t i = 0; i < root.size(); ++i) {
      EXPECT_EQ(root[i].kind, other[i].kind);
      EXPECT_EQ(root[i].elements, other[i].elements);
    }
  }
}

TEST(LlamaPlanTest, ABlockOf32ValuesIs34BytesOnTheWire) {
  const auto collectives = Collectives(Plan(Tiny(2, LlamaSync::kSums)).steps[0]);
  EXPECT_EQ(collectives[0].elements, 512);
  EXPECT_EQ(collectives[0].wire_bytes(), 512 / 32 * 34);
}

TEST(LlamaPlanTest, WhatDoesNotDivideIsRefused) {
  const auto error = [](LlamaOptions options) {
    const absl::Status status = BuildLlamaPlan(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  LlamaOptions options = Tiny(8, LlamaSync::kSums);
  EXPECT_THAT(error(options), HasSubstr("kv_heads=4: every rank must own as many"));
  options = Tiny(2, LlamaSync::kSums);
  options.shape.hidden = 1000;
  EXPECT_THAT(error(options), HasSubstr("hidden=1000: a rank's slice must be whole blocks"));
  options = Tiny(2, LlamaSync::kSums);
  options.shape.heads = 6;
  EXPECT_THAT(error(options), HasSubstr("channels=512: a multiple of the heads (6)"));
  options = Tiny(0, LlamaSync::kSums);
  EXPECT_THAT(error(options), HasSubstr("world_size=0: must be at least 1"));
}

}  // namespace
}  // namespace edgetp
