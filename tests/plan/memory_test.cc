#include "common/plan/memory.h"

#include <gtest/gtest.h>

#include "common/base/byte_source.h"
#include "common/plan/memory_rules.h"
#include "common/plan/step_plan.h"

namespace edgetp {
namespace {

PlanOptions OptionsOf(const ModelShape& shape, int workers, int batch) {
  PlanOptions options{.shape = shape, .world_size = workers, .batch = batch};
  options.pattern = Pattern::Parse(std::string(shape.layers, 't'), shape.layers).value();
  return options;
}

StepPlan PlanOf(const ModelShape& shape, int workers, int batch) {
  return BuildStepPlan(OptionsOf(shape, workers, batch)).value();
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

// Whatever the size of the model: pieces of full tensors pass by.
TEST(MemoryTest, RankZeroPutsCheckpointsTogetherInPieces) {
  const StepPlan plan = PlanOf(kGpt2Short, 2, 1);
  MemorySizes sizes = plan.memory_sizes[0];
  sizes.activations_bytes = sizes.layer_bytes = sizes.logits_bytes = 0;
  EXPECT_EQ(TrainingMemory(sizes, /*gathers=*/true).workspace_bytes, 2.0 * kPieceBytes);
  EXPECT_EQ(TrainingMemory(sizes, /*gathers=*/false).workspace_bytes, kPieceBytes);
  EXPECT_EQ(plan.memory[0].total_bytes(), plan.memory[1].total_bytes());
}

TEST(MemoryTest, ActivationsAreGoneWhenACheckpointIsMade) {
  // Large batches of a small model: the checkpoint fits where the activations were.
  const StepPlan plan = PlanOf(kMiniGpt, 2, 64);
  EXPECT_EQ(plan.memory[0].total_bytes(), plan.memory[1].total_bytes());
}

TEST(MemoryTest, AFileIsReadInPieces) {
  EXPECT_EQ(LoadingBytes({.largest_tensor_bytes = 100}), 200);
  EXPECT_EQ(LoadingBytes({.largest_tensor_bytes = 1e12}), 2.0 * kPieceBytes);
}

TEST(MemoryTest, WhoEvaluatesHasItsWeightsAlone) {
  const StepPlan plan = PlanOf(kGpt2Short, 2, 1);
  const MemoryUse use = InferenceMemory(plan.memory_sizes[0]);
  EXPECT_EQ(use.kept_bytes(), plan.memory[0].parameters_bytes);
}

// 1.5 billion parameters, of which each of four workers has 3 GiB of memory.
TEST(MemoryTest, Gpt2XlIsEvaluatedByFourWorkersOfThreeGibibytes) {
  PlanOptions options{.shape = {48, 25, 1600, 1024, 50257, true}, .world_size = 4, .batch = 1};
  options.pattern = Pattern::Parse(std::string(48, 't'), 48).value();
  options.split = {7, 6, 6, 6};
  const StepPlan plan = BuildStepPlan(options).value();
  for (const MemorySizes& sizes : plan.memory_sizes)
    EXPECT_LT(InferenceMemory(sizes).total_bytes(), 3.0 * (1 << 30));
}

PlanOptions LettersOf(const std::string& pattern, int workers = 2) {
  PlanOptions options{.shape = {4, 4, 128, 64, 65, true}, .world_size = workers, .batch = 12};
  options.pattern = Pattern::Parse(pattern, 4).value();
  return options;
}

double LateBytes(const std::string& pattern, int workers = 2) {
  return BuildStepPlan(LettersOf(pattern, workers)).value().memory_sizes[0].late_bytes;
}

TEST(MemoryTest, LateSumsAndTheOwnPartsThatWaitForThemAreCounted) {
  constexpr double kStream = 4.0 * 12 * 64 * 128;  // (B, T, C) in float32
  EXPECT_EQ(LateBytes("t*4"), 0);
  EXPECT_EQ(LateBytes("l*4"), kStream);
  EXPECT_EQ(LateBytes("t~1*4"), 2 * kStream);
  EXPECT_EQ(LateBytes("t~3 l*3"), 2 * 2 * kStream);  // a run has two modules per block
  EXPECT_EQ(LateBytes("t~8*4"), 2 * 8 * kStream);
  EXPECT_EQ(LateBytes("t~8*4", /*workers=*/1), 0);
}

TEST(MemoryTest, LateSumsAreInTheWorkspace) {
  const StepPlan plan = BuildStepPlan(LettersOf("t~8*4")).value();
  const MemorySizes& sizes = plan.memory_sizes[1];
  EXPECT_EQ(plan.memory[1].workspace_bytes,
            0.3 * sizes.layer_bytes + sizes.late_bytes);
}

// s has partial gradients of both norms and of the attention's bias.
TEST(MemoryTest, WhatErrorFeedbackKeepsIsTheOptimizers) {
  PlanOptions options = LettersOf("s*4");
  const StepPlan without = BuildStepPlan(options).value();
  options.wire_grad_sync = WireFormat::Parse("int4").value();
  options.feedback_grad_sync = true;
  options.feedback_activations = true;  // of fp32, nothing is lost
  const StepPlan plan = BuildStepPlan(options).value();
  const double residual = 4.0 * 4 * 5 * 128;
  EXPECT_EQ(plan.memory_sizes[0].residual_bytes, residual);
  EXPECT_EQ(plan.memory[1].optimizer_bytes, without.memory[1].optimizer_bytes + residual);
  options.wire_forward = WireFormat::Parse("int8").value();
  const double stream = 4.0 * 12 * 64 * 128;  // once per block
  EXPECT_EQ(BuildStepPlan(options).value().memory_sizes[0].residual_bytes, residual + 4 * stream);
}

TEST(MemoryTest, AnAcceleratorsHostKeepsTheResidualsAndGathersInPieces) {
  const MemorySizes sizes{.largest_tensor_bytes = 10, .residual_bytes = 10};
  const AcceleratedMemory memory = AcceleratedTrainingMemory(sizes, /*gathers=*/true);
  EXPECT_EQ(memory.host.kept_bytes(), 10);
  EXPECT_EQ(memory.host.workspace_bytes, 20);
  EXPECT_EQ(memory.accelerator.kept_bytes(), 0);
}

TEST(MemoryTest, AnAcceleratorHasMoreLogitsAtOnceInWholeTiles) {
  EXPECT_EQ(RowsOfLogits(std::nullopt, 8192, 50304), 333);
  EXPECT_EQ(RowsOfLogits(std::nullopt, 8192, 50304, /*accelerated=*/true), 20 * 128);
  EXPECT_EQ(RowsOfLogits(std::nullopt, 8192, 65, /*accelerated=*/true), 8192);
  EXPECT_EQ(RowsOfLogits(std::nullopt, 8192, 2'000'000, /*accelerated=*/true), 67);  // no tile fits
  EXPECT_EQ(RowsOfLogits(333, 8192, 50304, /*accelerated=*/true), 333);
  EXPECT_EQ(RowsOfLogits(0, 8192, 50304, /*accelerated=*/true), 8192);
  ModelShape shape = kGpt2Short;
  shape.sequence = 1024;
  const MemorySizes sizes = PlanOf(shape, 1, 8).memory_sizes[0];
  EXPECT_EQ(sizes.logits_bytes, 4.0 * 333 * 50304);
  EXPECT_EQ(sizes.accelerator_logits_bytes, 4.0 * 2560 * 50304);
}

// Measured with nvidia-smi on an H200 (GPT-2 124M, sequence 1024, fused attention, all logits at
// once; two ranks with (sppp)*3), in MiB per rank.
TEST(MemoryTest, AnAcceleratorTakesWhatWasMeasured) {
  struct Case {
    int workers, batch;
    double mebibytes;
  };
  ModelShape shape = kGpt2Short;
  shape.sequence = 1024;
  for (const Case& each : {Case{1, 8, 13707}, Case{2, 8, 22655.0 / 2}}) {
    PlanOptions options = OptionsOf(shape, each.workers, each.batch);
    options.loss_rows = 0;
    const StepPlan plan = BuildStepPlan(options).value();
    const AcceleratedMemory memory =
        AcceleratedTrainingMemory(plan.memory_sizes[0], /*gathers=*/true);
    EXPECT_NEAR(memory.accelerator.total_bytes() / (1 << 20) / each.mebibytes, 1, 0.05)
        << each.workers << " " << each.batch;
    EXPECT_EQ(memory.host.activations_bytes, 0);
  }
}

// Of one block of t: its norms, its projections and, of short sequences, its attention weights.
TEST(MemoryTest, LongSequencesKeepNoAttentionWeightsUnlessDropoutMasksThem) {
  ModelShape shape{1, 4, 64, 256, 65, true};
  const auto kept = [&](bool dropout) {
    PlanOptions options = OptionsOf(shape, 2, 3);
    options.dropout = dropout;
    return BuildStepPlan(options).value().memory_sizes[0].layer_bytes;
  };
  const auto without_weights = [&] { return 4.0 * 3 * shape.sequence * (4 * 64 + 4 * 32 + 2 * 128); };
  const auto weights = [&] { return 4.0 * 3 * 2 * shape.sequence * shape.sequence; };
  EXPECT_EQ(kept(false), without_weights() + weights());
  shape.sequence = 257;
  EXPECT_EQ(kept(false), without_weights());
  const double masks = 2 * 4.0 * 3 * shape.sequence * 64;
  EXPECT_EQ(kept(true), without_weights() + 3 * weights() + masks);
}

TEST(MemoryTest, WhatIsComputedAgainKeepsWhatStagesReadAndOneStage) {
  PlanOptions options = LettersOf("t~1 s p g");
  options.recompute = Recompute::kStages;
  constexpr double kStream = 4.0 * 12 * 64 * 128;
  // Of s or p: two norms without what the block reads, attention with its weights, an MLP.
  const double stage = 3 * kStream + 2 * kStream + 4.0 * 12 * 2 * 64 * 64 + 4 * kStream;
  const double ends = 3 * kStream + 2 * 4.0 * 12 * 64 * 65;
  const auto sizes = [&] { return BuildStepPlan(options).value().memory_sizes[0]; };
  EXPECT_EQ(sizes().activations_bytes, (2 * 2 + 3) * kStream + stage + ends);
  EXPECT_EQ(sizes().late_bytes, kStream);  // own parts are among what is read
  // The products of both blocks of a run are put off.
  options.pattern = Pattern::Parse("ttpp", 4).value();
  options.overlap = *Overlap::Parse("DW");
  EXPECT_EQ(sizes().activations_bytes, (2 * 2 + 2) * kStream + 2 * stage + ends);
}

// Of one block of t: products read the results of its norms, of attention and of gelu; on an accelerator
// what attention and gelu read is bf16, too, unless there is dropout.
TEST(MemoryTest, InBf16WhatProductsReadTakesHalf) {
  const ModelShape shape{1, 4, 64, 300, 65, true};
  PlanOptions options = OptionsOf(shape, 2, 3);
  const auto sizes = [&] { return BuildStepPlan(options).value().memory_sizes[0]; };
  constexpr double kTokens = 3 * 300, kStream = 4 * kTokens * 64, kPart = kStream / 2;
  const MemorySizes wide = sizes();
  options.precision = Precision::kTf32;
  EXPECT_EQ(sizes().activations_bytes, wide.activations_bytes);
  options.precision = Precision::kBf16;
  const MemorySizes narrow = sizes();
  // The logits are never kept; the gradient of what they are made of is.
  const double logits = 2 * 4 * kTokens * 65 - kStream;
  const double read = 0.5 * (2 * kStream + kPart + 4 * kPart);
  EXPECT_EQ(wide.activations_bytes - narrow.activations_bytes, logits + read);
  EXPECT_EQ(wide.accelerator_activations_bytes, wide.activations_bytes);
  EXPECT_EQ(narrow.activations_bytes - narrow.accelerator_activations_bytes, 0.5 * (3 + 4) * kPart);
  EXPECT_EQ(narrow.layer_bytes, wide.layer_bytes);
  EXPECT_EQ(narrow.logits_bytes, 1.5 * wide.logits_bytes);
  EXPECT_EQ(narrow.head_copies_bytes, 4.0 * 65 * 64);
  options.dropout = true;
  EXPECT_EQ(sizes().activations_bytes - sizes().accelerator_activations_bytes, 0.5 * 4 * kPart);
}

TEST(MemoryTest, LogitsInChunksAreThereChunkByChunk) {
  PlanOptions options = LettersOf("t*4");
  constexpr double kRow = 4.0 * 65;
  EXPECT_EQ(BuildStepPlan(options).value().memory_sizes[0].logits_bytes, 12 * 64 * kRow);
  const double whole = BuildStepPlan(options).value().memory_sizes[0].activations_bytes;
  options.loss_rows = 100;
  EXPECT_EQ(BuildStepPlan(options).value().memory_sizes[0].logits_bytes, 100 * kRow);
  EXPECT_EQ(BuildStepPlan(options).value().memory_sizes[0].activations_bytes,
            whole - 2 * 12 * 64 * kRow + 4.0 * 12 * 64 * 128);
}

}  // namespace
}  // namespace edgetp
