#include "common/plan/memory.h"

#include <gtest/gtest.h>

#include "common/plan/step_plan.h"

namespace edgetp {
namespace {

StepPlan PlanOf(const ModelShape& shape, int workers, int batch) {
  PlanOptions options{.shape = shape, .world_size = workers, .batch = batch};
  options.pattern = Pattern::Parse(std::string(shape.layers, 't'), shape.layers).value();
  return BuildStepPlan(options).value();
}

constexpr ModelShape kGpt2Short{12, 12, 768, 128, 50304, true};
constexpr ModelShape kMiniGpt{4, 4, 128, 64, 65, false};

TEST(MemoryTest, ThePlanCountsWhatAWorkerTakesAtItsPeak) {
  const StepPlan plan = PlanOf(kMiniGpt, 2, 12);
  const MemoryUse& use = plan.memory[0];
  EXPECT_GT(use.process_bytes, kProgramBytes);
  EXPECT_GT(use.workspace_bytes, 0);
  EXPECT_EQ(use.total_bytes(), 4 * use.parameters_bytes + use.activations_bytes +
                                   use.workspace_bytes + use.process_bytes);
}

TEST(MemoryTest, RankZeroPutsThreeCopiesOfTheModelTogether) {
  const StepPlan plan = PlanOf(kGpt2Short, 2, 1);
  const double three_copies = 3 * 4 * plan.total_parameters;
  EXPECT_GT(plan.memory[0].activations_bytes + plan.memory[0].workspace_bytes, three_copies);
  EXPECT_LT(plan.memory[1].activations_bytes + plan.memory[1].workspace_bytes, three_copies / 2);
}

TEST(MemoryTest, ActivationsAreGoneWhenACheckpointIsMade) {
  // Large batches of a small model: the checkpoint fits where the activations were.
  const StepPlan plan = PlanOf(kMiniGpt, 2, 64);
  EXPECT_EQ(plan.memory[0].total_bytes(), plan.memory[1].total_bytes());
}

TEST(MemoryTest, ACheckpointIsReadAsAFileAndAsTensors) {
  const MemorySizes sizes{.whole_model_bytes = 100};
  EXPECT_EQ(LoadingBytes(sizes, /*optimizer_state=*/false), 200);
  EXPECT_EQ(LoadingBytes(sizes, /*optimizer_state=*/true), 600);
}

// Measured with nvidia-smi on an H200 (GPT-2 124M, pattern t*12, sequence 1024), in MiB per rank.
TEST(MemoryTest, AnAcceleratorTakesWhatWasMeasured) {
  struct Case {
    int workers, batch;
    double mebibytes;
  };
  ModelShape shape = kGpt2Short;
  shape.sequence = 1024;
  for (const Case& each : {Case{1, 8, 18453}, Case{1, 12, 26327}, Case{2, 8, 27231.0 / 2}}) {
    const StepPlan plan = PlanOf(shape, each.workers, each.batch);
    const AcceleratedMemory memory =
        AcceleratedTrainingMemory(plan.memory_sizes[0], /*gathers=*/true);
    EXPECT_NEAR(memory.accelerator.total_bytes() / (1 << 20) / each.mebibytes, 1, 0.05)
        << each.workers << " " << each.batch;
    EXPECT_EQ(memory.host.activations_bytes, 0);
  }
}

}  // namespace
}  // namespace edgetp
