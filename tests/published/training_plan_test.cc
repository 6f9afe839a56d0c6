#include "common/published/training_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <variant>

#include "common/simulate/timeline.h"

namespace edgetp {
namespace {

constexpr int kLayers = 12;

v1::PublishedTraining Work(int pipeline, int tensor, int micro_batches) {
  v1::PublishedTraining work;
  work.set_layers(kLayers);
  work.set_channels(256);
  work.set_sequence(256);
  work.set_pipeline(pipeline);
  work.set_tensor(tensor);
  work.set_micro_batches(micro_batches);
  return work;
}

int Count(const StepPlan& plan, CollectiveKind kind) {
  int count = 0;
  ForEachCollective(plan, [&](const CollectiveStep& step) { count += step.kind == kind; });
  return count;
}

double Flops(const v1::PublishedTraining& work) {
  const StepPlan plan = BuildTrainingPlan(work).value();
  double flops = 0;
  for (const PlanStep& step : plan.steps.front()) {
    if (const auto* compute = std::get_if<ComputeStep>(&step)) flops += compute->flops;
  }
  return flops;
}

// In seconds, with a second for the forward pass of a layer on one rank.
double StepSeconds(const v1::PublishedTraining& work, absl::Duration delay = absl::ZeroDuration(),
                   double rate_bits_per_second = 0) {
  const StepPlan plan = BuildTrainingPlan(work).value();
  TimelineOptions options;
  options.world_size = plan.world_size;
  options.algorithm = "direct";
  options.segment_bytes = 1 << 20;
  options.network.link.delay = delay;
  options.network.link.rate_bits_per_second = rate_bits_per_second;
  DeviceOptions device;
  device.flops_per_second = Flops(Work(1, 1, 100)) / (100 * 3 * kLayers);
  auto simulator = TimelineSimulator::Create(options).value();
  return absl::ToDoubleSeconds(
      simulator.RunStep(plan, BuildComputeTable(plan, {device})).value().duration);
}

TEST(TrainingPlanTest, ALayerSumsTwiceEachWayAndTwiceMoreWhereItIsComputedAgain) {
  v1::PublishedTraining work = Work(2, 4, 3);
  EXPECT_EQ(Count(BuildTrainingPlan(work).value(), CollectiveKind::kAllReduce), 4 * kLayers * 3);
  EXPECT_EQ(Count(BuildTrainingPlan(work).value(), CollectiveKind::kSend), 2 * 4 * 3);
  work.set_recompute(true);
  const StepPlan plan = BuildTrainingPlan(work).value();
  EXPECT_EQ(Count(plan, CollectiveKind::kAllReduce), 6 * kLayers * 3);
  EXPECT_EQ(CheckGroups(plan), absl::OkStatus());
}

TEST(TrainingPlanTest, WhatIsComputedAgainTakesAsLongAsTheForwardPass) {
  v1::PublishedTraining work = Work(1, 1, 4);
  const double once = Flops(work);
  work.set_recompute(true);
  EXPECT_NEAR(Flops(work) / once, 4.0 / 3, 0.01);
}

TEST(TrainingPlanTest, WhatIsComputedAgainIsNotKept) {
  v1::PublishedTraining work = Work(1, 2, 1);
  const double all = BuildTrainingPlan(work).value().memory.front().activations_bytes;
  work.set_recompute(true);
  EXPECT_LT(BuildTrainingPlan(work).value().memory.front().activations_bytes, 0.3 * all);
}

// The bubble: (micro-batches + stages - 1) times a stage each way, whatever the schedule.
TEST(TrainingPlanTest, AFreeNetworkLeavesTheBubbleAlone) {
  for (const int pipeline : {1, 2, 4}) {
    v1::PublishedTraining work = Work(pipeline, 1, 6);
    const double expected = 3.0 * (kLayers / pipeline) * (6 + pipeline - 1);
    EXPECT_NEAR(StepSeconds(work), expected, 0.02 * expected);
    work.set_schedule(v1::PublishedTraining::SCHEDULE_1F1B);
    EXPECT_NEAR(StepSeconds(work), expected, 0.02 * expected);
  }
}

// GPipe in each direction: max(m * stage, m * wire) + (stages - 1) * (stage + delay + wire). Where the
// wire is the slower, it waits for the first stage, and not for a message of its own.
TEST(TrainingPlanTest, GPipeTakesWhatItsClosedFormSays) {
  constexpr int kStages = 3, kMicroBatches = 8;
  const v1::PublishedTraining work = Work(kStages, 1, kMicroBatches);
  const double bits = 8.0 * 4 * work.channels() * work.sequence();
  for (const double wire_seconds : {0.5, 2.0, 6.0, 12.0}) {
    double expected = 0;
    for (const double stage : {4.0, 8.0}) {
      expected += kMicroBatches * std::max(stage, wire_seconds) +
                  (kStages - 1) * (stage + 1 + wire_seconds) + std::min(0.0, stage - wire_seconds);
    }
    EXPECT_NEAR(StepSeconds(work, absl::Seconds(1), bits / wire_seconds), expected, 0.02 * expected)
        << wire_seconds;
  }
}

}  // namespace
}  // namespace edgetp
