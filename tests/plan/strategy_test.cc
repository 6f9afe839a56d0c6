// Strategies as plans: what they have in common with what workers execute, and what they promise.
#include "common/plan/strategy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "common/plan/mesh_planner.h"
#include "tests/plan/same_plan.h"

namespace edgetp {
namespace {

using testing::ExpectSamePlan;
using ::testing::HasSubstr;

StrategyOptions Options(const std::string& strategy, int workers, int layers = 4) {
  StrategyOptions options;
  options.plan.shape = {layers, 4, 128, 64, 65, true};
  options.plan.pattern = Pattern::Parse("t*" + std::to_string(layers), layers).value();
  options.plan.world_size = workers;
  options.plan.batch = 2;
  options.plan.micro_batches = 4;
  options.strategy = strategy;
  options.bucket_bytes = 100'000;
  options.inner_steps = 3;
  return options;
}

StrategyPlan PlanOf(const StrategyOptions& options) {
  absl::StatusOr<StrategyPlan> plan = BuildStrategyPlan(options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *std::move(plan);
}

void ExpectRefused(const StrategyOptions& options, const std::string& why) {
  const absl::Status status = BuildStrategyPlan(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << options.strategy;
  EXPECT_THAT(std::string(status.message()), HasSubstr(why));
}

// Of a kind, over all ranks, each once; with `traffic` alone.
int64_t Elements(const StepPlan& plan, CollectiveKind kind, TrafficClass traffic) {
  int64_t elements = 0;
  ForEachCollective(plan, [&](const CollectiveStep& step) {
    if (step.kind == kind && step.tag.traffic == traffic) elements += step.elements;
  });
  return elements;
}

double Flops(const StepPlan& plan) {
  double flops = 0;
  for (const std::vector<PlanStep>& steps : plan.steps) {
    for (const PlanStep& step : steps) {
      if (const auto* compute = std::get_if<ComputeStep>(&step)) flops += compute->flops;
    }
  }
  return flops;
}

TEST(StrategyTest, WhatWorkersExecuteIsPlannedAsTheyAreAudited) {
  const StrategyOptions tensor = Options("tensor", 2);
  ExpectSamePlan(PlanOf(tensor).plan, *BuildStepPlan(tensor.plan));
  const StrategyOptions data = Options("data", 3);
  ExpectSamePlan(PlanOf(data).plan, *BuildDataPlan(data.plan, data.bucket_bytes));
  PlanOptions alone = Options("one", 1).plan;
  ExpectSamePlan(PlanOf(Options("one", 4)).plan, *BuildStepPlan(alone));
}

// The planner of meshes comes to the same lists by itself.
TEST(StrategyTest, AMeshOfOneAxisIsPlannedAsWorkersExecuteIt) {
  const StrategyOptions options = Options("", 2);
  const auto mesh = [&](MeshAxis axis, Replicas exchange) {
    return BuildMeshPlan(options, Mesh({{axis, 2}}), exchange, {4}).value();
  };
  for (const char* pattern : {"tttt", "sppp", "llgd", "t~2*4"}) {
    StrategyOptions tensor = options;
    tensor.plan.pattern = Pattern::Parse(pattern, 4).value();
    SCOPED_TRACE(pattern);
    ExpectSamePlan(
        BuildMeshPlan(tensor, Mesh({{MeshAxis::kShard, 2}}), Replicas::kNone, {4}).value(),
        *BuildStepPlan(tensor.plan));
  }
  ExpectSamePlan(mesh(MeshAxis::kReplica, Replicas::kGradients), PlanOf(Options("data", 2)).plan);
  ExpectSamePlan(mesh(MeshAxis::kReplica, Replicas::kWeights), PlanOf(Options("local", 2)).plan);
}

TEST(StrategyTest, AMeshWithOneAxisIsThatStrategy) {
  for (const auto& [mesh, plain] :
       {std::pair("tensor=2", "tensor"), std::pair("data=2", "data"), std::pair("local=2", "local"),
        std::pair("pipeline=2", "pipeline"), std::pair("data=2,tensor=1", "data"),
        std::pair("pipeline=1,tensor=2", "tensor"), std::pair("tensor=1,local=2", "local")}) {
    SCOPED_TRACE(mesh);
    ExpectSamePlan(PlanOf(Options(mesh, 2)).plan, PlanOf(Options(plain, 2)).plan);
  }
}

TEST(StrategyTest, ALocalRoundIsInnerStepsAndOneExchange) {
  const StrategyPlan local = PlanOf(Options("local", 2));
  EXPECT_EQ(local.updates, 3);
  const LocalPlans plans = *BuildLocalPlans(Options("local", 2).plan);
  EXPECT_EQ(local.plan.steps[0].size(),
            2 * plans.inner.steps[0].size() + plans.outer.steps[0].size());
  EXPECT_EQ(Collectives(local.plan.steps[0]).size(), 1u);
}

TEST(StrategyTest, ListsOfAllRanksBelongTogether) {
  for (const auto& [strategy, workers] :
       {std::pair("pipeline", 4), std::pair("pipeline=2,tensor=2", 4),
        std::pair("tensor=2,pipeline=2", 4), std::pair("data=2,tensor=2", 4),
        std::pair("local=2,tensor=2", 4), std::pair("data=2,pipeline=2,tensor=2", 8),
        std::pair("pipeline=4,local=2", 8), std::pair("data=3,pipeline=2", 6)}) {
    for (const PipelineSchedule schedule : {PipelineSchedule::kGpipe, PipelineSchedule::k1F1B}) {
      for (const int micro_batches : {1, 2, 5}) {
        SCOPED_TRACE(strategy);
        StrategyOptions options = Options(strategy, workers);
        options.schedule = schedule;
        options.plan.micro_batches = micro_batches;
        const StepPlan plan = PlanOf(options).plan;
        EXPECT_EQ(plan.steps.size(), static_cast<size_t>(workers));
        EXPECT_TRUE(CheckGroups(plan).ok()) << CheckGroups(plan);
        for (const auto& steps : plan.steps) EXPECT_TRUE(CheckHandles(steps).ok());
      }
    }
  }
}

TEST(StrategyTest, EverybodyTogetherComputesWhatOneDoes) {
  StrategyOptions options = Options("one", 4);
  options.plan.shape.tied_head = false;
  const double one = Flops(PlanOf(options).plan);
  options.strategy = "pipeline";
  EXPECT_DOUBLE_EQ(Flops(PlanOf(options).plan), one);
  options.strategy = "data";
  EXPECT_DOUBLE_EQ(Flops(PlanOf(options).plan), 4 * one);
}

TEST(StrategyTest, ReplicasHaveTokensOfTheirOwn) {
  const double tokens = 2 * 4 * 64;  // batch, micro-batches, sequence
  for (const auto& [strategy, times] :
       {std::pair("one", 1), std::pair("tensor", 1), std::pair("pipeline", 1), std::pair("data", 4),
        std::pair("data=2,tensor=2", 2), std::pair("local", 4 * 3),
        std::pair("local=2,pipeline=2", 2 * 3)}) {
    EXPECT_EQ(PlanOf(Options(strategy, 4)).tokens_per_step, times * tokens) << strategy;
  }
}

// Between two stages B*T*C forward and back for each micro-batch; a tied head once.
TEST(StrategyTest, APipelinePassesActivationsOnAndGradientsBack) {
  const StepPlan plan = PlanOf(Options("pipeline", 4)).plan;
  const int64_t activations = 2 * 64 * 128;
  EXPECT_EQ(Elements(plan, CollectiveKind::kSend, TrafficClass::kActivationForward),
            3 * 4 * activations);
  EXPECT_EQ(Elements(plan, CollectiveKind::kSend, TrafficClass::kActivationBackward),
            3 * 4 * activations);
  EXPECT_EQ(Elements(plan, CollectiveKind::kAllReduce, TrafficClass::kGradSync), 65 * 128);
  StrategyOptions untied = Options("pipeline", 4);
  untied.plan.shape.tied_head = false;
  EXPECT_EQ(Elements(PlanOf(untied).plan, CollectiveKind::kAllReduce, TrafficClass::kGradSync), 0);
}

TEST(StrategyTest, StagesShareTheModelAndATiedHeadTwice) {
  StrategyOptions options = Options("pipeline", 4);
  const auto sum = [](const StepPlan& plan) {
    return std::accumulate(plan.parameters.begin(), plan.parameters.end(), 0.0);
  };
  const StepPlan tied = PlanOf(options).plan;
  EXPECT_EQ(sum(tied), tied.total_parameters + 65 * 128);
  options.plan.shape.tied_head = false;
  const StepPlan untied = PlanOf(options).plan;
  EXPECT_EQ(sum(untied), untied.total_parameters);
  options.strategy = "pipeline=2,tensor=2";
  const StepPlan mesh = PlanOf(options).plan;
  EXPECT_LT(mesh.parameters[0], PlanOf(Options("tensor", 2)).plan.parameters[0]);
}

// Every layer's gradients are summed over the replicas, each element once.
TEST(StrategyTest, ReplicasOfAMeshSumEachGradientOnce) {
  for (const char* strategy : {"data=2,tensor=2", "data=2,pipeline=2", "tensor=2,data=2"}) {
    StrategyOptions options = Options(strategy, 4);
    options.plan.shape.tied_head = false;
    const StepPlan plan = PlanOf(options).plan;
    const double parameters =
        std::accumulate(plan.parameters.begin(), plan.parameters.end(), 0.0) / 2;
    EXPECT_EQ(
        static_cast<double>(Elements(plan, CollectiveKind::kAllReduce, TrafficClass::kGradSync)),
        parameters)
        << strategy;
  }
}

TEST(StrategyTest, AStageKeepsActivationsOfAsManyMicroBatchesAsItHasUnderWay) {
  StrategyOptions options = Options("pipeline", 4);
  options.stage_layers = {1, 1, 1, 1};
  options.plan.micro_batches = 8;
  const StepPlan one = PlanOf(options).plan;
  options.schedule = PipelineSchedule::kGpipe;
  const StepPlan gpipe = PlanOf(options).plan;
  // A middle stage has its block alone.
  const double block = one.memory_sizes[1].layer_bytes;
  EXPECT_EQ(one.memory_sizes[1].activations_bytes, 3 * block);
  EXPECT_EQ(one.memory_sizes[2].activations_bytes, 2 * block);
  EXPECT_EQ(gpipe.memory_sizes[1].activations_bytes, 8 * block);
  EXPECT_EQ(one.memory_sizes[1].logits_bytes, 0);
  EXPECT_GT(one.memory_sizes[3].logits_bytes, 0);
}

TEST(StrategyTest, MemoryOfReplicasIsThatOfTheWholeModel) {
  const double one = PlanOf(Options("one", 2)).plan.memory_sizes[0].parameters_bytes;
  const StepPlan local = PlanOf(Options("local", 2)).plan;
  EXPECT_EQ(local.memory_sizes[1].parameters_bytes, one);
  EXPECT_EQ(local.memory_sizes[1].outer_bytes, 2 * one);
  EXPECT_EQ(PlanOf(Options("data", 2)).plan.memory_sizes[1].parameters_bytes, one);
}

TEST(StrategyTest, AFasterDeviceGetsMoreLayersAndACutCanBeGiven) {
  StrategyOptions options = Options("pipeline", 2, 12);
  options.plan.shape.vocabulary = 1;
  options.plan.shape.channels = 512;
  options.speeds = {1, 2};
  EXPECT_EQ(PlanOf(options).stage_layers, (std::vector<int>{4, 8}));
  options.stage_layers = {6, 6};
  EXPECT_EQ(PlanOf(options).stage_layers, (std::vector<int>{6, 6}));
  options.stage_layers = {6, 5};
  ExpectRefused(options, "stages of 6,5 layers do not make 2 stages of 12 layers");
}

TEST(StrategyTest, LettersAreTensorsAlone) {
  StrategyOptions options = Options("data", 2);
  options.plan.pattern = Pattern::Parse("sppp", 4).value();
  options.plan.split = {1, 1};
  EXPECT_EQ(PlanOf(options).pattern.Expanded(), "tttt");
  options.strategy = "tensor";
  EXPECT_EQ(PlanOf(options).pattern.Expanded(), "sppp");
}

TEST(StrategyTest, ARunOfLettersEndsWhereAStageDoes) {
  StrategyOptions options = Options("pipeline=2,tensor=2", 4);
  options.plan.pattern = Pattern::Parse("pppp", 4).value();
  options.stage_layers = {2, 2};
  const StepPlan plan = PlanOf(options).plan;
  int64_t sums = 0;
  for (const CollectiveStep& step : Collectives(plan.steps[0])) {
    sums += step.kind == CollectiveKind::kAllReduce &&
            step.tag.traffic == TrafficClass::kActivationForward;
  }
  EXPECT_EQ(sums, 4);  // one for each micro-batch
}

TEST(StrategyTest, WhatIsNoStrategyIsRefused) {
  ExpectRefused(Options("pipelin", 2), "did you mean \"pipeline\"?");
  ExpectRefused(Options("data=2,tensor=3", 4), "2 * 3 = 6 ranks, but workers=4");
  ExpectRefused(Options("data=2,data=2", 4), "a mesh has replicas once");
  ExpectRefused(Options("data=2,local=2", 4), "a mesh has replicas once");
  ExpectRefused(Options("tensor=2,tensor=2", 4), "tensor is there twice");
  ExpectRefused(Options("one=4", 4), "one is one device and no axis of a mesh");
  ExpectRefused(Options("data=2,tensor", 4), "an axis of a mesh is written tensor=N");
  ExpectRefused(Options("data=0", 4), "an axis of a mesh is written data=N");
  ExpectRefused(Options("", 4), "unknown name");
  ExpectRefused(Options("pipeline", 5), "5 stages, but the model has 4 layers");
  ExpectRefused(Options("tensor", 8), "heads=4");
}

TEST(StrategyTest, OptionsOutOfRangeAreRefused) {
  StrategyOptions options = Options("data", 2);
  options.bucket_bytes = 3;
  ExpectRefused(options, "bucket_bytes=3: must be at least 4");
  options = Options("local", 2);
  options.inner_steps = 0;
  ExpectRefused(options, "inner_steps=0");
  options = Options("pipeline", 2);
  options.speeds = {1};
  ExpectRefused(options, "speeds of 1 ranks");
  options.speeds = {1, 0};
  ExpectRefused(options, "speeds must be above 0");
  options = Options("local", 2);
  options.inner_steps = 1 << 20;
  ExpectRefused(options, "too large to be kept");
}

TEST(StrategyTest, AListOfStrategiesIsSplitWhereAMeshHasItsRanks) {
  EXPECT_EQ(SplitStrategies("one,tensor,data=2,tensor=2,pipeline", 4),
            (std::vector<std::string>{"one", "tensor", "data=2,tensor=2", "pipeline"}));
  EXPECT_EQ(SplitStrategies("data=2,tensor=2,pipeline=2,tensor=2", 4),
            (std::vector<std::string>{"data=2,tensor=2", "pipeline=2,tensor=2"}));
  EXPECT_EQ(SplitStrategies("data=4,tensor=1", 4), (std::vector<std::string>{"data=4,tensor=1"}));
  EXPECT_EQ(SplitStrategies("data=2,one", 4), (std::vector<std::string>{"data=2", "one"}));
  EXPECT_EQ(SplitStrategies("data=3,tensor=2,one", 2),
            (std::vector<std::string>{"data=3,tensor=2", "one"}));
}

}  // namespace
}  // namespace edgetp
