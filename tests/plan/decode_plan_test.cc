// The plan of making tokens one by one: what a pass exchanges, computes and keeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/plan/context_window.h"
#include "common/plan/step_plan.h"

namespace edgetp {
namespace {

PlanOptions Gpt2(const std::string& pattern, int world_size) {
  PlanOptions options;
  options.shape = {12, 12, 768, 1024, 50304};
  options.pattern = *Pattern::Parse(pattern, 12);
  options.world_size = world_size;
  options.batch = 3;
  return options;
}

constexpr DecodePass kToken = {.new_tokens = 1, .cached = 100, .capacity = 256};

double Sum(const StepPlan& plan, double (*part)(const ComputeStep&)) {
  double sum = 0;
  for (const PlanStep& step : plan.steps[0]) {
    if (const auto* compute = std::get_if<ComputeStep>(&step)) sum += part(*compute);
  }
  return sum;
}
double Flops(const ComputeStep& step) { return step.flops; }
double Bytes(const ComputeStep& step) { return step.bytes_touched; }
double ProductBytes(const ComputeStep& step) { return step.product_bytes; }

TEST(DecodePlanTest, ATokenExchangesOneRowPerSequenceAtEachSyncPoint) {
  for (const auto& [pattern, sums] :
       {std::pair("t*12", 24), {"s*12", 12}, {"(sppp)*3", 6}, {"p*12", 1}}) {
    const StepPlan plan = *BuildDecodePlan(Gpt2(pattern, 2), kToken);
    const auto collectives = Collectives(plan.steps[1]);
    EXPECT_EQ(collectives.size(), static_cast<size_t>(sums)) << pattern;
    for (const CollectiveStep& step : collectives) EXPECT_EQ(step.elements, 3 * 768) << pattern;
  }
}

TEST(DecodePlanTest, ASharedVocabularyGathersTheLogitsOfEverySequence) {
  PlanOptions options = Gpt2("t*12", 2);
  options.vocabulary_parallel = true;
  EXPECT_EQ(Collectives(BuildDecodePlan(options, kToken)->steps[0]).back().elements, 3 * 50304);
}

TEST(DecodePlanTest, ATokenReadsEveryWeightOnceAndComputesLittle) {
  PlanOptions options = Gpt2("t*12", 1);
  options.batch = 1;
  const StepPlan plan = *BuildDecodePlan(options, kToken);
  const double weights = 4 * (plan.total_parameters - plan.position_parameters);
  EXPECT_NEAR(Sum(plan, &Bytes), weights, 0.05 * weights);
  EXPECT_NEAR(Sum(plan, &ProductBytes), weights, 0.05 * weights);
  EXPECT_NEAR(Sum(plan, &Flops), 2 * weights / 4, 0.05 * 2 * weights / 4);
}

TEST(DecodePlanTest, WhatIsKeptIsReadForEachToken) {
  const auto bytes = [](int cached) {
    return Sum(*BuildDecodePlan(Gpt2("t*12", 2), {.cached = cached, .capacity = 1024}), &Bytes);
  };
  // Keys and values of a token: 12 layers of two times 384 channels, of three sequences; and two
  // scores of each of the 6 heads, written and read again by the softmax.
  const double kept = 4.0 * 12 * 3 * (2 * 384 + 6 * (2 + 2));
  EXPECT_NEAR(bytes(500) - bytes(100), 400 * kept, 1);
}

TEST(DecodePlanTest, PromptsCostWhatAnEvaluationCostsButForTheHead) {
  PlanOptions options = Gpt2("t*12", 2);
  options.shape.sequence = 128;
  const StepPlan whole = *BuildEvaluationPlan(options);
  options.shape.sequence = 1024;
  const StepPlan prompts = *BuildDecodePlan(options, {.new_tokens = 128, .capacity = 256});
  const double head = 2.0 * 3 * 127 * 768 * 50304 + 5.0 * 3 * 127 * 50304;
  EXPECT_NEAR(Sum(whole, &Flops) - Sum(prompts, &Flops), head, 1e-6 * head);
  EXPECT_EQ(Collectives(whole.steps[0]).size(), Collectives(prompts.steps[0]).size());
}

TEST(DecodePlanTest, MemoryHasTheCacheAndTheWholePositionTable) {
  const PlanOptions options = Gpt2("t*12", 2);
  const StepPlan none = *BuildDecodePlan(options, {.new_tokens = 8});
  const StepPlan kept = *BuildDecodePlan(options, {.new_tokens = 8, .capacity = 256});
  const double cache = 4.0 * 12 * 3 * 2 * 384 * 256;
  EXPECT_EQ(kept.memory[1].activations_bytes, cache);
  EXPECT_EQ(kept.memory[1].total_bytes() - none.memory[1].total_bytes(), cache);
  EXPECT_EQ(kept.parameters[1], BuildStepPlan(options)->parameters[1]);
}

TEST(DecodePlanTest, APassBeyondTheWindowIsRefused) {
  const PlanOptions options = Gpt2("t*12", 2);
  for (const DecodePass& pass : {DecodePass{.new_tokens = 0},
                                 {.new_tokens = 1025},
                                 {.new_tokens = 1, .cached = 5},
                                 {.new_tokens = 1, .cached = -1},
                                 {.new_tokens = 1, .cached = 8, .capacity = 8}}) {
    const auto plan = BuildDecodePlan(options, pass);
    EXPECT_TRUE(absl::IsInvalidArgument(plan.status())) << pass.new_tokens << " " << pass.cached;
  }
}

TEST(ContextWindowTest, AContextGrowsToTheWindowAndBeginsAnewWithHalfOfIt) {
  for (const int64_t window : {1, 2, 3, 7, 8, 64}) {
    const ContextWindow contexts(window);
    int64_t last = 0;
    for (int64_t tokens = 1; tokens < 5 * window + 5; ++tokens) {
      const int64_t begin = contexts.Begin(tokens), size = tokens - begin;
      EXPECT_LE(size, window) << window << " " << tokens;
      EXPECT_GE(size, std::min(tokens, (window + 1) / 2)) << window << " " << tokens;
      if (begin != last) {
        EXPECT_EQ(size, (window + 1) / 2) << window << " " << tokens;
      }
      EXPECT_GE(begin, last);
      last = begin;
    }
  }
}

}  // namespace
}  // namespace edgetp
