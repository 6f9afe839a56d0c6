#include "common/published/training_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <variant>

#include "common/simulate/timeline.h"

namespace edgetp {
namespace {

v1::PublishedTraining Work(int pipeline, int tensor, int micro_batches) {
  v1::PublishedTraining work;
  work.set_layers(12);
  work.set_channels(64);
  work.set_sequence(16);
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

double Units(const std::vector<PlanStep>& steps) {
  double units = 0;
  for (const PlanStep& step : steps) {
    if (const auto* compute = std::get_if<ComputeStep>(&step)) units += compute->flops;
  }
  return units;
}

// In seconds, with a second for the forward pass of a layer.
double StepSeconds(const v1::PublishedTraining& work, absl::Duration delay = absl::ZeroDuration(),
                   double rate_bits_per_second = 0) {
  const StepPlan plan = BuildTrainingPlan(work).value();
  TimelineOptions options;
  options.world_size = plan.world_size;
  options.algorithm = "direct";
  options.network.link.delay = delay;
  options.network.link.rate_bits_per_second = rate_bits_per_second;
  DeviceOptions device;
  device.flops_per_second = 1;
  auto simulator = TimelineSimulator::Create(options).value();
  return absl::ToDoubleSeconds(
      simulator.RunStep(plan, BuildComputeTable(plan, {device})).value().duration);
}

TEST(TrainingPlanTest, ListsBelongTogether) {
  for (const int pipeline : {1, 2, 4}) {
    for (const int tensor : {1, 2}) {
      v1::PublishedTraining work = Work(pipeline, tensor, 5);
      for (const auto schedule : {v1::PublishedTraining::SCHEDULE_GPIPE,
                                  v1::PublishedTraining::SCHEDULE_ONE_FORWARD_ONE_BACKWARD}) {
        work.set_schedule(schedule);
        const StepPlan plan = BuildTrainingPlan(work).value();
        EXPECT_EQ(plan.world_size, pipeline * tensor);
        EXPECT_EQ(CheckGroups(plan), absl::OkStatus());
        for (const std::vector<PlanStep>& steps : plan.steps) {
          EXPECT_EQ(CheckHandles(steps), absl::OkStatus());
          EXPECT_DOUBLE_EQ(Units(steps), 3 * 5 * 12.0 / pipeline);
        }
      }
    }
  }
}

TEST(TrainingPlanTest, ALayerSumsTwiceEachWayAndTwiceMoreWhereItIsComputedAgain) {
  v1::PublishedTraining work = Work(2, 4, 3);
  EXPECT_EQ(Count(BuildTrainingPlan(work).value(), CollectiveKind::kAllReduce), 4 * 12 * 3);
  EXPECT_EQ(Count(BuildTrainingPlan(work).value(), CollectiveKind::kSend), 2 * 4 * 3);
  work.set_recompute(true);
  EXPECT_EQ(Count(BuildTrainingPlan(work).value(), CollectiveKind::kAllReduce), 6 * 12 * 3);
}

// The bubble: (micro-batches + stages - 1) times a stage each way, whatever the schedule.
TEST(TrainingPlanTest, AFreeNetworkLeavesTheBubbleAlone) {
  for (const int pipeline : {1, 2, 4}) {
    v1::PublishedTraining work = Work(pipeline, 1, 6);
    const double expected = 3 * (12.0 / pipeline) * (6 + pipeline - 1);
    EXPECT_NEAR(StepSeconds(work), expected, 1e-6);
    work.set_schedule(v1::PublishedTraining::SCHEDULE_ONE_FORWARD_ONE_BACKWARD);
    EXPECT_NEAR(StepSeconds(work), expected, 1e-6);
  }
}

// GPipe in each direction: max(m * stage, m * wire) + (stages - 1) * (stage + delay + wire).
TEST(TrainingPlanTest, GPipeTakesWhatItsClosedFormSays) {
  constexpr int kStages = 3, kMicroBatches = 8;
  const v1::PublishedTraining work = Work(kStages, 1, kMicroBatches);
  const double bits = 8.0 * 4 * work.channels() * work.sequence();
  for (const double wire_seconds : {0.5, 2.0, 6.0}) {
    double expected = 0;
    for (const double stage : {4.0, 8.0}) {
      const double busiest = kMicroBatches * std::max(stage, wire_seconds);
      const double once = (kStages - 1) * (stage + 1 + wire_seconds);
      // The last stage begins with the first message, and the slowest resource decides from there.
      expected += wire_seconds > stage ? busiest + once - wire_seconds + stage : busiest + once;
    }
    EXPECT_NEAR(StepSeconds(work, absl::Seconds(1), bits / wire_seconds), expected,
                0.02 * expected)
        << wire_seconds;
  }
}

}  // namespace
}  // namespace edgetp
