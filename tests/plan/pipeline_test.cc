// How a pipeline orders its micro-batches, and how it cuts a model.
#include "common/plan/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace edgetp {
namespace {

std::string Text(const std::vector<PipelinePass>& passes) {
  std::string text;
  for (const PipelinePass& pass : passes)
    text += (pass.forward ? "F" : "B") + std::to_string(pass.micro_batch);
  return text;
}

TEST(PipelineTest, GpipeDoesAllForwardPassesFirst) {
  for (const int stage : {0, 1, 2})
    EXPECT_EQ(Text(PassesOf(PipelineSchedule::kGpipe, 3, stage, 2)), "F0F1B0B1");
}

TEST(PipelineTest, OneForwardOneBackwardAlternatesAfterTheWarmUp) {
  EXPECT_EQ(Text(PassesOf(PipelineSchedule::k1F1B, 3, 0, 4)), "F0F1F2B0F3B1B2B3");
  EXPECT_EQ(Text(PassesOf(PipelineSchedule::k1F1B, 3, 1, 4)), "F0F1B0F2B1F3B2B3");
  EXPECT_EQ(Text(PassesOf(PipelineSchedule::k1F1B, 3, 2, 4)), "F0B0F1B1F2B2F3B3");
  EXPECT_EQ(Text(PassesOf(PipelineSchedule::k1F1B, 8, 0, 2)), "F0F1B0B1");
}

// Against the order itself.
TEST(PipelineTest, AsManyMicroBatchesAreKeptAsAreUnderWayAtOnce) {
  for (const PipelineSchedule schedule : {PipelineSchedule::kGpipe, PipelineSchedule::k1F1B}) {
    for (const int stages : {1, 2, 4}) {
      for (int stage = 0; stage < stages; ++stage) {
        for (const int m : {1, 2, 3, 8}) {
          int now = 0, most = 0;
          for (const PipelinePass& pass : PassesOf(schedule, stages, stage, m)) {
            now += pass.forward ? 1 : -1;
            most = std::max(most, now);
          }
          EXPECT_EQ(now, 0);
          EXPECT_EQ(MicroBatchesKept(schedule, stages, stage, m), most);
        }
      }
    }
  }
}

TEST(PipelineTest, EqualDevicesGetEqualStages) {
  EXPECT_EQ(*CutLayers(12, {1, 1, 1}, {}), (std::vector<int>{4, 4, 4}));
  EXPECT_EQ(*CutLayers(3, {1, 1, 1}, {}), (std::vector<int>{1, 1, 1}));
  EXPECT_EQ(*CutLayers(14, {1, 1, 1, 1}, {}), (std::vector<int>{4, 4, 3, 3}));
}

TEST(PipelineTest, AFasterDeviceGetsMoreAndTheHeadCounts) {
  EXPECT_EQ(*CutLayers(12, {2, 1}, {}), (std::vector<int>{8, 4}));
  EXPECT_EQ(*CutLayers(12, {1, 1}, {.first = 0, .last = 4}), (std::vector<int>{8, 4}));
  EXPECT_EQ(*CutLayers(4, {1, 1}, {.first = 0, .last = 100}), (std::vector<int>{3, 1}));
}

// Every cut, one by one.
TEST(PipelineTest, NoOtherCutHasAFasterSlowestStage) {
  const std::vector<double> speeds = {1, 3, 2};
  const StageExtras extras{.first = 0.5, .last = 2.5};
  const auto slowest = [&](const std::vector<int>& cut) {
    return std::max({(cut[0] + extras.first) / speeds[0], cut[1] / speeds[1],
                     (cut[2] + extras.last) / speeds[2]});
  };
  for (int layers = 3; layers < 20; ++layers) {
    double best = 1e9;
    for (int a = 1; a < layers; ++a) {
      for (int b = 1; a + b < layers; ++b) best = std::min(best, slowest({a, b, layers - a - b}));
    }
    EXPECT_DOUBLE_EQ(slowest(*CutLayers(layers, speeds, extras)), best) << layers;
  }
}

TEST(PipelineTest, MoreStagesThanLayersAreRefused) {
  EXPECT_EQ(CutLayers(2, {1, 1, 1}, {}).status().message(),
            "pipeline: 3 stages, but the model has 2 layers: every stage needs one");
}

TEST(PipelineTest, SchedulesHaveNames) {
  EXPECT_EQ(*ParsePipelineSchedule("GPipe"), PipelineSchedule::kGpipe);
  EXPECT_EQ(*ParsePipelineSchedule("1f1b"), PipelineSchedule::k1F1B);
  EXPECT_EQ(ParsePipelineSchedule("2f2b").status().message(),
            "pipeline schedule: unknown name \"2f2b\" (known: gpipe, 1f1b)");
}

}  // namespace
}  // namespace edgetp
