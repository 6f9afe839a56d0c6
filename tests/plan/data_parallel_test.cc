// Replicas: what `data` and `local` make of a step, and what they need.
#include "common/plan/data_parallel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/plan/parameters.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Two blocks of 16 channels, T 8, V 11. Elements: wte 176, wpe 128; per block ln_1 32, c_attn 816,
// c_proj 272, ln_2 32, c_fc 1088, c_proj 1040; ln_f 32.
constexpr int64_t kEmbedding = 304, kAttention = 1120, kMlp = 2160, kHead = 32;
constexpr int64_t kAll = kEmbedding + 2 * (kAttention + kMlp) + kHead;

PlanOptions Options(int workers = 2, int micro_batches = 1) {
  PlanOptions options;
  options.pattern = *Pattern::Parse("tt", 0);
  options.shape = {2, 4, 16, 8, 11, true};
  options.world_size = workers;
  options.batch = 3;
  options.micro_batches = micro_batches;
  return options;
}

// "c" for a computation, "B" for a blocking collective, "S3" and "W3" for the start of number 3 and
// the wait for it.
std::string Outline(const std::vector<PlanStep>& steps) {
  std::string outline;
  for (const PlanStep& step : steps) {
    std::string word = "c";
    if (const auto* sum = std::get_if<CollectiveStep>(&step)) {
      word = sum->part == CollectivePart::kBoth
                 ? "B"
                 : absl::StrCat(sum->part == CollectivePart::kStart ? "S" : "W", sum->handle);
    }
    absl::StrAppend(&outline, outline.empty() ? "" : " ", word);
  }
  return outline;
}

std::vector<int64_t> Sizes(const StepPlan& plan) {
  std::vector<int64_t> sizes;
  for (const CollectiveStep& step : Collectives(plan.steps[0])) sizes.push_back(step.elements);
  return sizes;
}

StepPlan DataPlan(const PlanOptions& options, int64_t bucket_elements) {
  absl::StatusOr<StepPlan> plan = BuildDataPlan(options, 4 * bucket_elements);
  EXPECT_TRUE(plan.ok()) << plan.status();
  for (const auto& steps : plan->steps) EXPECT_EQ(CheckHandles(steps), absl::OkStatus());
  return *std::move(plan);
}

TEST(DataPlanTest, TheBackwardPassCompletesStageByStageFromTheHead) {
  const PlanOptions options = Options();
  EXPECT_THAT(CompletedElements(Gpt2Parameters(options.shape, options.pattern, false)),
              ElementsAre(kHead, kHead + kMlp, kHead + kMlp + kAttention,
                          kHead + 2 * kMlp + kAttention, kAll - kEmbedding, kAll));
  // A head of its own is complete at once; one that is the embedding, with it.
  ModelShape own_head = options.shape;
  own_head.tied_head = false;
  EXPECT_EQ(CompletedElements(Gpt2Parameters(own_head, options.pattern, false))[0], kHead + 176);
}

TEST(DataPlanTest, ABucketStartsAsSoonAsItsGradientsAreThere) {
  // Forward: embedding, four stages, head. Of 2000 elements: the first MLP completes one, the
  // attention and the MLP before it another, ...
  EXPECT_EQ(Outline(DataPlan(Options(), 2000).steps[0]),
            "c c c c c c c c S0 c c S1 c S2 c S3 W0 W1 W2 W3 c");
  EXPECT_THAT(Sizes(DataPlan(Options(), 2000)), ElementsAre(2000, 2000, 2000, kAll - 6000));
}

TEST(DataPlanTest, OneBucketIsAnAllReduceOfAllParametersAfterTheBackwardPass) {
  const StepPlan plan = DataPlan(Options(), kAll);
  EXPECT_EQ(Outline(plan.steps[0]), "c c c c c c c c c c c c S0 W0 c");
  EXPECT_THAT(Sizes(plan), ElementsAre(kAll));
  EXPECT_THAT(Sizes(DataPlan(Options(), 1 << 20)), ElementsAre(kAll));
  EXPECT_EQ(plan.parameters[0], kAll);
}

TEST(DataPlanTest, BucketsAreCutWithoutRegardForTensors) {
  const std::vector<int64_t> sizes = Sizes(DataPlan(Options(), 100));
  EXPECT_EQ(sizes.size(), (kAll + 99) / 100);
  EXPECT_EQ(std::count(sizes.begin(), sizes.end(), 100), kAll / 100);
  EXPECT_EQ(sizes.back(), kAll % 100);
}

TEST(DataPlanTest, OnlyTheLastMicroBatchExchanges) {
  EXPECT_EQ(Outline(DataPlan(Options(2, 2), kAll).steps[0]),
            "c c c c c c c c c c c c c c c c c c c c c c c c S0 W0 c");
}

TEST(DataPlanTest, EveryRankHasTheSameListAndTheWholeModel) {
  const StepPlan plan = DataPlan(Options(3), 2000);
  const StepPlan alone = *BuildStepPlan(OfOneReplica(Options(3)));
  ASSERT_EQ(plan.steps.size(), 3u);
  for (int rank = 0; rank < 3; ++rank) {
    EXPECT_EQ(Outline(plan.steps[rank]), Outline(plan.steps[0]));
    EXPECT_EQ(plan.memory[rank].kept_bytes(), alone.memory[0].kept_bytes());
  }
  EXPECT_EQ(plan.memory[0].total_bytes(), alone.memory[0].total_bytes());
  for (const CollectiveStep& step : CollectiveEntries(plan.steps[1])) {
    EXPECT_EQ(step.tag.traffic, TrafficClass::kGradSync);
    EXPECT_EQ(step.tag.phase, Phase::kBackward);
  }
}

TEST(DataPlanTest, AnyNumberOfWorkersWillDoAndOneExchangesNothing) {
  EXPECT_EQ(DataPlan(Options(7), 2000).world_size, 7);  // four heads
  EXPECT_TRUE(Sizes(DataPlan(Options(1), 2000)).empty());
}

TEST(DataPlanTest, GradientsTravelInTheirFormat) {
  PlanOptions options = Options();
  options.wire_grad_sync = *WireFormat::Parse("int8:g32");
  double bytes = 0;
  for (const CollectiveStep& step : Collectives(DataPlan(options, kAll).steps[0]))
    bytes += static_cast<double>(step.wire_bytes());
  EXPECT_EQ(bytes, kAll + 2 * ((kAll + 31) / 32));  // a scale for each group
}

TEST(DataPlanTest, WhatErrorFeedbackKeepsCountsOnceForEachGradient) {
  PlanOptions options = Options();
  options.wire_grad_sync = *WireFormat::Parse("int4");
  const double without = DataPlan(options, 2000).memory[1].kept_bytes();
  options.feedback_grad_sync = true;
  EXPECT_EQ(DataPlan(options, 2000).memory[1].kept_bytes(), without + 4.0 * kAll);
  EXPECT_EQ(BuildLocalPlans(options)->inner.memory_sizes[0].residual_bytes, 4.0 * kAll);
}

TEST(DataPlanTest, WhatReplicasDoNotHaveIsRefused) {
  const auto message = [](const PlanOptions& options, int64_t bucket_bytes = 4096) {
    return std::string(BuildDataPlan(options, bucket_bytes).status().message());
  };
  PlanOptions options = Options();
  options.pattern = *Pattern::Parse("ts", 0);
  EXPECT_THAT(message(options), HasSubstr("blocks must be t"));
  EXPECT_THAT(std::string(BuildLocalPlans(options).status().message()),
              HasSubstr("blocks must be t"));
  options = Options();
  options.split = {1, 1};
  EXPECT_THAT(message(options), HasSubstr("split"));
  options = Options();
  options.vocabulary_parallel = true;
  EXPECT_THAT(message(options), HasSubstr("vocabulary"));
  options = Options();
  options.overlap = *Overlap::Parse("dw");
  EXPECT_THAT(message(options), HasSubstr("overlap must be NONE"));
  EXPECT_THAT(message(Options(), 3), HasSubstr("bucket_bytes must be at least 4"));
  EXPECT_THAT(message(Options(4096), 4), HasSubstr("at most 2^25"));
  EXPECT_THAT(message(Options(0)), HasSubstr("world_size=0"));
}

TEST(LocalPlanTest, OnlyAnOuterStepExchangesAndThatAllParametersAtOnce) {
  const absl::StatusOr<LocalPlans> plans = BuildLocalPlans(Options());
  ASSERT_TRUE(plans.ok()) << plans.status();
  EXPECT_EQ(Outline(plans->inner.steps[1]), "c c c c c c c c c c c c c");
  EXPECT_EQ(Outline(plans->outer.steps[1]), "c c c c c c c c c c c c c c B c");
  EXPECT_THAT(Sizes(plans->outer), ElementsAre(kAll));
  const CollectiveStep exchange = Collectives(plans->outer.steps[0])[0];
  EXPECT_EQ(exchange.tag.traffic, TrafficClass::kGradSync);
  EXPECT_EQ(exchange.tag.phase, Phase::kOptimizer);
  EXPECT_TRUE(Sizes(BuildLocalPlans(Options(1))->outer).empty());
}

TEST(LocalPlanTest, ARankKeepsTheLastCommonWeightsAndTheirMomentum) {
  const LocalPlans local = *BuildLocalPlans(Options());
  const StepPlan data = DataPlan(Options(), kAll);
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_EQ(local.inner.memory[rank].kept_bytes(),
              data.memory[rank].kept_bytes() + 2 * 4.0 * kAll);
    EXPECT_EQ(local.inner.memory[rank].total_bytes(), local.outer.memory[rank].total_bytes());
  }
}

}  // namespace
}  // namespace edgetp
