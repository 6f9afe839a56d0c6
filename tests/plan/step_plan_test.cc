#include "common/plan/step_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/plan/plan_report.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

constexpr ModelShape kGpt2{12, 12, 768, 1024, 50304, true};

PlanOptions Options(const std::string& pattern, ModelShape shape = {4, 4, 128, 64, 65, false},
                    int workers = 2) {
  auto parsed = Pattern::Parse(pattern, 0);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  shape.layers = parsed->layers();
  return {.shape = shape, .pattern = *parsed, .world_size = workers, .batch = 12};
}

std::vector<CollectiveStep> CollectivesOf(const PlanOptions& options) {
  auto plan = BuildStepPlan(options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return CollectiveEntries(plan->steps[0]);
}

// "fwd:0 fwd:1 bwd:0 ...": what a step reduces, in order. "fwd:0+3" starts, and "fwd:0-3" waits.
std::string Order(const PlanOptions& options) {
  std::string order;
  for (const CollectiveStep& step : CollectivesOf(options)) {
    if (!order.empty()) order += ' ';
    switch (step.tag.traffic) {
      case TrafficClass::kActivationForward:
        order += "fwd:" + std::to_string(step.tag.layer);
        break;
      case TrafficClass::kActivationBackward:
        order += "bwd:" + std::to_string(step.tag.layer);
        break;
      default:
        order += NameOf(step.tag.traffic);
    }
    if (step.part == CollectivePart::kStart) order += "+" + std::to_string(step.handle);
    if (step.part == CollectivePart::kWait) order += "-" + std::to_string(step.handle);
  }
  return order;
}

TEST(StepPlanTest, TensorParallelBlocksReduceTwiceEachWay) {
  EXPECT_EQ(Order(Options("tt")), "fwd:0 fwd:0 fwd:1 fwd:1 bwd:1 bwd:1 bwd:0 bwd:0 scalar");
}

TEST(StepPlanTest, SyncDropReducesOnceAndNeedsTheGradientSync) {
  EXPECT_EQ(Order(Options("ss")), "fwd:0 fwd:1 bwd:1 bwd:0 grad_sync scalar");
}

TEST(StepPlanTest, ARunReducesAtItsLastBlockForwardAndAtItsFirstBackward) {
  EXPECT_EQ(Order(Options("sppp")), "fwd:0 fwd:3 bwd:1 bwd:0 grad_sync scalar");
  EXPECT_EQ(Order(Options("tppsp")),
            "fwd:0 fwd:0 fwd:2 fwd:3 fwd:4 bwd:4 bwd:3 bwd:1 bwd:0 bwd:0 grad_sync scalar");
}

TEST(StepPlanTest, OneNormReducesOnceAndNeedsNoGradientSync) {
  EXPECT_EQ(Order(Options("gg")), "fwd:0 fwd:1 bwd:1 bwd:0 scalar");
}

TEST(StepPlanTest, ABlockWithOneNormOwnsOneNorm) {
  const ModelShape shape{1, 4, 128, 64, 65, true};
  const auto t = BuildStepPlan(Options("t", shape)), g = BuildStepPlan(Options("g", shape));
  EXPECT_EQ(t->parameters[0] - g->parameters[0], 2 * 128);
  EXPECT_LT(std::get<ComputeStep>(g->steps[0][1]).flops,
            std::get<ComputeStep>(t->steps[0][1]).flops +
                std::get<ComputeStep>(t->steps[0][3]).flops);
  EXPECT_LT(g->memory[0].activations_bytes, t->memory[0].activations_bytes);
}

TEST(StepPlanTest, ALadderTakesInASumAfterTheNextOneHasStarted) {
  EXPECT_EQ(Order(Options("ll")),
            "fwd:0+0 fwd:0+1 fwd:0-0 fwd:1+2 fwd:0-1 fwd:1+3 fwd:1-2 fwd:1-3 "
            "bwd:1+4 bwd:1+5 bwd:1-4 bwd:0+6 bwd:1-5 bwd:0+7 bwd:0-6 bwd:0-7 scalar");
  EXPECT_EQ(Order(Options("tl")),
            "fwd:0 fwd:0 fwd:1+0 fwd:1+1 fwd:1-0 fwd:1-1 "
            "bwd:1+2 bwd:1+3 bwd:1-2 bwd:1-3 bwd:0 bwd:0 scalar");
}

TEST(StepPlanTest, DesyncReducesOnceAndNeedsTheGradientSync) {
  EXPECT_EQ(Order(Options("dd")), "fwd:0 fwd:1 bwd:1 bwd:0 grad_sync scalar");
}

TEST(StepPlanTest, DelayedSumsAreTakenInKModulesLaterAndAtTheEndOfTheRun) {
  EXPECT_EQ(Order(Options("t~2t~2s")),
            "fwd:0+0 fwd:0+1 fwd:1+2 fwd:0-0 fwd:1+3 fwd:0-1 fwd:1-2 fwd:1-3 fwd:2 "
            "bwd:2 bwd:1+4 bwd:1+5 bwd:0+6 bwd:1-4 bwd:0+7 bwd:1-5 bwd:0-6 bwd:0-7 "
            "grad_sync scalar");
}

TEST(StepPlanTest, PartialBlocksReduceTheirShareAndMergeTheRestOncePerRun) {
  const PlanOptions options = Options("t@0.5t@0.5s", {3, 4, 128, 64, 65, true});
  EXPECT_EQ(Order(options),
            "fwd:0 fwd:0 fwd:1 fwd:1 fwd:1 fwd:2 bwd:2 bwd:1 bwd:1 bwd:0 bwd:0 bwd:0 "
            "grad_sync scalar");
  const int64_t half = 12 * 64 * 64;
  const auto steps = CollectivesOf(options);
  for (const size_t i : {0, 1, 2, 3, 4, 7, 8, 9, 10, 11}) EXPECT_EQ(steps[i].elements, half) << i;
  EXPECT_EQ(steps[12].elements, 128 * (6 + 6 + 5));
  const auto quarter = CollectivesOf(Options("t@0.25", {1, 4, 128, 64, 65, true}));
  EXPECT_EQ(quarter[1].elements, 12 * 64 * 32);
  EXPECT_EQ(quarter[2].elements, 12 * 64 * 96);
  EXPECT_EQ(quarter[5].elements, 12 * 64 * 96);
}

TEST(StepPlanTest, AShareThatIsNoChannelIsRefused) {
  EXPECT_THAT(std::string(BuildStepPlan(Options("t@0.001")).status().message()),
              HasSubstr("t@0.001 of 128 channels is none"));
}

TEST(StepPlanTest, GradientsAreSyncedOncePerStepNotPerMicroBatch) {
  PlanOptions options = Options("s");
  options.micro_batches = 3;
  EXPECT_EQ(Order(options), "fwd:0 bwd:0 fwd:0 bwd:0 fwd:0 bwd:0 grad_sync scalar");
}

TEST(StepPlanTest, OneWorkerReducesNothing) {
  EXPECT_EQ(Order(Options("tsp", {3, 4, 128, 64, 65, true}, 1)), "");
}

TEST(StepPlanTest, AllRanksHaveTheSameCollectives) {
  PlanOptions options = Options("(tsp)*2", {6, 4, 128, 64, 65, true}, 3);
  options.split = {2, 1, 1};
  auto plan = BuildStepPlan(options);
  ASSERT_TRUE(plan.ok()) << plan.status();
  const auto want = Collectives(plan->steps[0]);
  for (const auto& steps : plan->steps) {
    const auto got = Collectives(steps);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(got[i].elements, want[i].elements);
      EXPECT_EQ(got[i].tag.layer, want[i].tag.layer);
      EXPECT_EQ(got[i].tag.traffic, want[i].tag.traffic);
    }
  }
}

TEST(StepPlanTest, ForwardActivationsTravelInTheirOwnWireFormat) {
  PlanOptions options = Options("t");
  options.wire_forward = WireFormat::Parse("bf16").value();
  const auto steps = CollectivesOf(options);
  const int64_t elements = 12 * 64 * 128;
  ASSERT_EQ(steps.size(), 5u);
  EXPECT_EQ(steps[0].elements, elements);
  EXPECT_EQ(steps[0].wire_bytes(), elements * 2);
  EXPECT_EQ(steps[2].wire_bytes(), elements * 4);
  EXPECT_EQ(steps[4].wire_bytes(), 4);
}

// Groups run on over the end of a row: the tensor is one list of values.
TEST(StepPlanTest, AGroupThatDoesNotDivideTheChannelsHasExactBytesToo) {
  PlanOptions options = Options("s");
  options.wire_forward = WireFormat::Parse("int8:g100").value();
  options.wire_backward = WireFormat::Parse("fp8e4m3").value();  // two rows of 128 channels
  options.wire_grad_sync = WireFormat::Parse("int4").value();
  const auto steps = CollectivesOf(options);
  ASSERT_EQ(steps.size(), 4u);
  EXPECT_EQ(steps[0].wire_bytes(), 12 * 64 * 128 / 100 * 102 + 4 + 2);  // 983 groups, and 4 values
  EXPECT_EQ(steps[1].wire_bytes(), 12 * 64 / 2 * 258);
  EXPECT_EQ(steps[2].wire_bytes(), steps[2].elements / 64 * 34);
  EXPECT_EQ(steps[3].wire_bytes(), 4);
}

TEST(StepPlanTest, GradSyncCarriesTheNormsOfSAndPAndTheOutputBiasOfS) {
  const auto grad_sync = [](const PlanOptions& options) {
    const std::vector<CollectiveStep> steps = CollectivesOf(options);
    return steps.at(steps.size() - 2);  // the last one is the scalar
  };
  PlanOptions options = Options("tsp", {3, 4, 128, 64, 65, true});
  EXPECT_EQ(grad_sync(options).tag.traffic, TrafficClass::kGradSync);
  EXPECT_EQ(grad_sync(options).elements, 128 * (5 + 4));
  options.shape.biases = false;
  EXPECT_EQ(grad_sync(options).elements, 128 * (2 + 2));
}

TEST(StepPlanTest, ASharedVocabularyReducesAtTheEmbeddingInTheCrossEntropyAndAtTheHead) {
  PlanOptions options = Options("p", {1, 4, 128, 64, 65, true});
  options.vocabulary_parallel = true;
  EXPECT_EQ(Order(options), "fwd:-1 fwd:0 scalar scalar scalar bwd:-1 bwd:0 grad_sync scalar");
  const std::vector<CollectiveStep> steps = CollectivesOf(options);
  EXPECT_EQ(steps[0].elements, 12 * 64 * 128);
  EXPECT_EQ(steps[5].elements, 12 * 64 * 128);
  for (int i = 2; i < 5; ++i) EXPECT_EQ(steps[i].elements, 12 * 64);
  EXPECT_EQ(steps[2].tag.reduction, Reduction::kMax);
  EXPECT_EQ(steps[3].tag.reduction, Reduction::kSum);
  options.world_size = 1;
  EXPECT_EQ(Order(options), "");
}

TEST(StepPlanTest, ASharedVocabularyDividesTheHeadsFlopsItsMemoryAndItsTables) {
  PlanOptions options = Options("t12", kGpt2, 2);
  options.batch = 1;
  options.loss_rows = 0;  // all at once
  const StepPlan replicated = *BuildStepPlan(options);
  options.vocabulary_parallel = true;
  const StepPlan shared = *BuildStepPlan(options);
  const double table = 50304 * 768.0;
  EXPECT_EQ(replicated.parameters[1] - shared.parameters[1], table / 2);
  EXPECT_EQ(shared.total_parameters, replicated.total_parameters);
  const double logits = 1024 * 50304 * 4.0;
  EXPECT_EQ(shared.memory_sizes[1].logits_bytes, logits / 2);
  EXPECT_EQ(replicated.memory[1].activations_bytes - shared.memory[1].activations_bytes, logits);
  const auto products = [](const StepPlan& plan) {
    double flops = 0;
    for (const PlanStep& step : plan.steps[1]) {
      if (const auto* compute = std::get_if<ComputeStep>(&step)) flops += compute->product_flops;
    }
    return flops;
  };
  EXPECT_NEAR(products(replicated) - products(shared), 3 * 2 * 1024 * table / 2, 1e6);
}

double ProductFlops(const StepPlan& plan) {
  double flops = 0;
  for (const PlanStep& step : plan.steps[0]) {
    if (const auto* compute = std::get_if<ComputeStep>(&step)) flops += compute->product_flops;
  }
  return flops;
}

// In chunks, the ranks' sums come between a row's logits and their gradient.
TEST(StepPlanTest, LogitsInChunksAreComputedTwiceWhereTheVocabularyIsShared) {
  for (const bool shared : {false, true}) {
    PlanOptions options = Options("t4", {4, 4, 128, 64, 65, true}, 2);
    options.vocabulary_parallel = shared;
    const StepPlan whole = *BuildStepPlan(options);
    options.loss_rows = 100;
    const StepPlan chunks = *BuildStepPlan(options);
    const double logits = shared ? 2.0 * 12 * 64 * 128 * 33 : 0;
    EXPECT_NEAR(ProductFlops(chunks) - ProductFlops(whole), logits, 1);
    EXPECT_EQ(Collectives(chunks.steps[0]).size(), Collectives(whole.steps[0]).size());
  }
}

TEST(StepPlanTest, RecomputationAddsTheBlocksForwardPassAndNoCollective) {
  for (const char* pattern : {"tttt", "sppp", "t~1t~1lt@0.5"}) {
    PlanOptions options = Options(pattern, {4, 4, 128, 64, 65, true}, 2);
    const StepPlan once = *BuildStepPlan(options);
    options.recompute = Recompute::kStages;
    const StepPlan again = *BuildStepPlan(options);
    const double head = 3 * 2.0 * 12 * 64 * 128 * 65;
    EXPECT_NEAR(ProductFlops(again) - head, (ProductFlops(once) - head) * 4 / 3, 1e3) << pattern;
    const auto want = CollectiveEntries(once.steps[0]), got = CollectiveEntries(again.steps[0]);
    ASSERT_EQ(got.size(), want.size()) << pattern;
    for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(got[i].elements, want[i].elements);
    EXPECT_LT(again.memory[1].activations_bytes, once.memory[1].activations_bytes) << pattern;
  }
}

TEST(StepPlanTest, NothingIsRecomputedWithGroupsOfRows) {
  PlanOptions options = Options("tttt", {4, 4, 128, 64, 65, true}, 2);
  options.recompute = Recompute::kStages;
  options.overlap = *Overlap::Parse("ROWS(2)");
  EXPECT_EQ(BuildStepPlan(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(StepPlanTest, AHeadOfItsOwnIsCountedOnce) {
  ModelShape shape = kGpt2;
  const double tied = BuildStepPlan(Options("t12", shape))->total_parameters;
  shape.tied_head = false;
  EXPECT_EQ(BuildStepPlan(Options("t12", shape))->total_parameters, tied + 50304 * 768.0);
}

TEST(StepPlanTest, TheNextTokensLogitsAreOfOnePositionAndGathered) {
  PlanOptions options = Options("t");
  EXPECT_EQ(Collectives(BuildNextTokenPlan(options)->steps[0]).size(), 2u);
  options.vocabulary_parallel = true;
  const auto steps = Collectives(BuildNextTokenPlan(options)->steps[0]);
  ASSERT_EQ(steps.size(), 4u);
  EXPECT_EQ(steps[3].elements, 65);
  EXPECT_EQ(steps[3].tag.traffic, TrafficClass::kControl);
}

TEST(StepPlanTest, AnEvaluationIsTheForwardPassAlone) {
  auto plan = BuildEvaluationPlan(Options("sppp"));
  ASSERT_TRUE(plan.ok());
  const auto steps = Collectives(plan->steps[1]);
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].tag.phase, Phase::kEvaluate);
  EXPECT_EQ(steps[0].tag.traffic, TrafficClass::kActivationForward);
}

TEST(StepPlanTest, Gpt2HasTheKnownNumberOfParameters) {
  for (const char* pattern : {"t12", "(sppp)*3"}) {
    auto plan = BuildStepPlan(Options(pattern, kGpt2));
    ASSERT_TRUE(plan.ok());
    EXPECT_EQ(plan->total_parameters - plan->position_parameters, 123'689'472) << pattern;
  }
}

TEST(StepPlanTest, OneRankOwnsTheWholeModelAndTwoOwnItsShardedPartsOnce) {
  auto one = BuildStepPlan(Options("t12", kGpt2, 1));
  auto two = BuildStepPlan(Options("t12", kGpt2, 2));
  EXPECT_EQ(one->parameters[0], one->total_parameters);
  const double replicated = (50304 + 1024) * 768.0 + 2 * 768 + 12 * 6 * 768;
  EXPECT_EQ(two->parameters[0] + two->parameters[1], one->total_parameters + replicated);
}

TEST(StepPlanTest, FlopsOfOneRankAreNearSixPerParameterAndToken) {
  const PlanOptions options = Options("t12", kGpt2, 1);
  auto report = BuildPlanReport("gpt2", options);
  ASSERT_TRUE(report.ok());
  // PaLM, appendix B: 6N + 12 L H D T per token; our element-wise parts add a few percent.
  const double per_token = 6 * 123.69e6 + 12.0 * 12 * 768 * 1024;
  EXPECT_NEAR(report->flops_per_step() / (12 * 1024 * per_token), 1.0, 0.05);
}

TEST(StepPlanTest, MemoryCountsParametersOnceGradientsOnceMomentsTwice) {
  auto plan = BuildStepPlan(Options("t4"));
  const MemoryUse& use = plan->memory[0];
  EXPECT_EQ(use.parameters_bytes, 4 * plan->parameters[0]);
  EXPECT_EQ(use.gradients_bytes, use.parameters_bytes);
  EXPECT_EQ(use.optimizer_bytes, 2 * use.parameters_bytes);
}

TEST(StepPlanTest, ActivationsGrowInProportionToTheBatch) {
  PlanOptions options = Options("t4");
  const double once = BuildStepPlan(options)->memory[0].activations_bytes;
  EXPECT_GT(once, 0);
  options.batch *= 2;
  EXPECT_EQ(BuildStepPlan(options)->memory[0].activations_bytes, 2 * once);
}

TEST(StepPlanTest, ALargerShareOfHeadsCostsMoreFlops) {
  PlanOptions options = Options("tttt", {4, 4, 128, 64, 65, false}, 2);
  options.split = {3, 1};
  auto plan = BuildStepPlan(options);
  ASSERT_TRUE(plan.ok());
  const auto& fast = std::get<ComputeStep>(plan->steps[0][1]);
  const auto& slow = std::get<ComputeStep>(plan->steps[1][1]);
  EXPECT_GT(fast.flops, 2 * slow.flops);
}

TEST(StepPlanTest, RefusesSizesThatCannotBe) {
  PlanOptions options = Options("tt");
  options.batch = 0;
  EXPECT_EQ(BuildStepPlan(options).status().message(), "step plan: batch=0: must be at least 1");
  options = Options("tt");
  options.shape.layers = 3;
  EXPECT_EQ(BuildStepPlan(options).status().message(),
            "step plan: the pattern has 2 blocks, but the model has 3 layers");
  options = Options("tt", {2, 4, 130, 64, 65, false});
  EXPECT_EQ(BuildStepPlan(options).status().code(), absl::StatusCode::kInvalidArgument);
  options = Options("tt", {2, 4, 1 << 30, 1 << 30, 65, false});
  EXPECT_EQ(BuildStepPlan(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(StepPlanTest, RefusesMoreStepsThanMemoryHolds) {
  PlanOptions options = Options("t*64", {4, 4096, 4096, 8, 8, false}, 4096);
  options.micro_batches = 65536;
  EXPECT_EQ(BuildStepPlan(options).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(PlanReportTest, CountsAreThoseOfTheDesign) {
  auto report = BuildPlanReport("minigpt", Options("(sppp)"));
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->pattern(), "sppp");
  EXPECT_EQ(report->sync_points_forward(), 2);
  EXPECT_EQ(report->all_reduces_per_micro_step(), 4);
  EXPECT_EQ(report->all_reduces_per_step(), 6);
  const double activation = 12 * 64 * 128 * 4;
  EXPECT_EQ(activation, 384 * 1024);
  EXPECT_EQ(report->bytes_per_step_per_rank().activation_fwd(), 2 * activation);
  EXPECT_EQ(report->bytes_per_step_per_rank().activation_bwd(), 2 * activation);
  EXPECT_EQ(report->bytes_per_step_per_rank().grad_sync(), 4 * 2 * 128 * 4);
  EXPECT_EQ(report->bytes_per_step_per_rank().scalar(), 4);
  EXPECT_EQ(report->memory_bytes_per_rank_size(), 2);
  const v1::MemoryBytes& memory = report->memory_bytes_per_rank(0);
  EXPECT_EQ(memory.total(),
            memory.parameters() * 4 + memory.activations() + memory.workspace() + memory.process());
}

}  // namespace
}  // namespace edgetp
