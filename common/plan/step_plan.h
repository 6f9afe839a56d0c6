// The step plan: for each rank the ordered list of what one training step does. The planner prints
// it, the simulator prices it, and every worker audits the collectives it executes against it.
// Pure; free of LibTorch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "common/collective/codec.h"
#include "common/plan/memory.h"
#include "common/plan/model_shape.h"
#include "common/plan/overlap.h"
#include "common/plan/pattern.h"
#include "common/plan/precision.h"
#include "common/plan/shard_map.h"

namespace edgetp {

enum class Phase : uint8_t { kForward, kBackward, kOptimizer, kEvaluate };
enum class TrafficClass : uint8_t {
  kActivationForward,
  kActivationBackward,
  kGradSync,
  kScalar,
  kControl
};

// "forward", "activation_fwd", ...: the words of metrics, reports and traces.
const char* NameOf(Phase phase);
const char* NameOf(TrafficClass traffic);

// What an all-reduce makes of the ranks' values, element by element. Of the maximum, every rank
// gets the same bits, too; it travels in fp32 alone.
enum class Reduction : uint8_t { kSum, kMax };

// What a collective is for. Layers count from 0; -1 where no layer applies.
struct CollectiveTag {
  TrafficClass traffic = TrafficClass::kControl;
  Phase phase = Phase::kForward;
  int layer = -1;
  Reduction reduction = Reduction::kSum;
};

// A stretch of computation between two collectives, or of one layer within it.
struct ComputeStep {
  Phase phase;
  int layer;             // -1: embeddings, head, optimizer
  double flops;          // multiply and add count as two
  double bytes_touched;  // memory traffic: weights and activations read and written
  // The same, told apart for cost models that do so; 0 where the plan does not say. What is no
  // matrix product is element-wise, but for the optimizer, whose traffic is bytes_touched.
  float product_flops = 0;
  float elementwise_bytes = 0;
  float operations = 0;  // on whole tensors
  // Traffic of the matrix products, where that may be what they take: of decoding, which multiplies
  // whole matrices by a few rows. 0 elsewhere.
  float product_bytes = 0;
};

// What the ranks of a group do together. The position of a rank in the group is its rank in the
// collective's schedule; a root is the first of its group (common/collective/rooted.h).
enum class CollectiveKind : uint8_t {
  kAllReduce,
  kSend,  // from the first rank of a group of two to the second: a message from stage to stage
  // The halves of an all-reduce through a root, of which programs for inference are made.
  kGather,
  kBroadcast,
  kBroadcastMissing,
};

// "all_reduce", "send", ...
const char* NameOf(CollectiveKind kind);

// A collective that computing waits for is one step. One that runs under compute is two: where it
// starts, and where its result is needed.
enum class CollectivePart : uint8_t { kBoth, kStart, kWait };

// Stands in the list of every rank of its group, and in no other.
struct CollectiveStep {
  CollectiveTag tag;
  int64_t elements;  // float32 elements, of every rank alike
  WireFormat wire;
  CollectiveKind kind = CollectiveKind::kAllReduce;
  CollectivePart part = CollectivePart::kBoth;
  // Joins a kWait to its kStart: the kStarts of a rank's list count from 0. Unused in kBoth.
  int64_t handle = -1;
  // The ranks of the plan that take part, each once. Of an all-reduce they rise, because it sums in
  // that order; of the others the root comes first (of a kSend: source, destination). Empty: all
  // ranks of the plan.
  std::vector<int> group = {};

  int64_t wire_bytes() const { return wire.WireBytes(elements); }
  // Between an accelerator and host memory, one way. What a format makes of each element by itself, the
  // accelerator does before it, but for what is started early: that is copied as floats.
  int64_t staged_bytes() const {
    const bool converts = wire.elementwise() && part == CollectivePart::kBoth;
    return converts ? wire_bytes() : elements * static_cast<int64_t>(sizeof(float));
  }
};

using PlanStep = std::variant<ComputeStep, CollectiveStep>;

// What a backward pass computes again instead of keeping it.
enum class Recompute : uint8_t {
  kNone,
  // The insides of each stage, from what the stage reads. Sums over ranks are not done again.
  kStages,
  // The forward pass of all blocks once more at its beginning, sums included; of activations, only
  // the blocks' inputs are kept. Planned and simulated, not executed.
  kPasses,
};

struct PlanOptions {
  ModelShape shape;
  Pattern pattern;
  int world_size = 1;
  std::vector<int> split;  // empty: even
  // Ranks share the rows of the embedding and of the output matrix (parallel.vocabulary).
  bool vocabulary_parallel = false;
  int batch = 1;  // B, per micro-batch
  int micro_batches = 1;
  WireFormat wire_forward;  // of activations
  WireFormat wire_backward;
  WireFormat wire_grad_sync;
  Overlap overlap;
  Recompute recompute = Recompute::kNone;
  std::optional<int> loss_rows;  // as RowsOfLogits takes it (memory_rules.h)
  Precision precision = Precision::kFp32;  // for memory: of products
  bool dropout = false;          // for memory: its masks
  // Error feedback, for memory: what is lost of activations, of grad_sync.
  bool feedback_activations = false;
  bool feedback_grad_sync = false;
};

struct StepPlan {
  int world_size = 1;
  // steps[rank]: micro-batch by micro-batch forward then backward, then grad_sync, the scalar of the
  // gradient's norm, the optimizer. A forward collective has the layer whose end it is (of a run of p: the last
  // block), a backward one the layer at whose beginning it is (of a run: the first block). Those of
  // a vocabulary that is shared have layer -1.
  // grad_sync and the scalar: Phase::kOptimizer, layer -1. World size 1 has no CollectiveSteps.
  // The lists may differ by rank, but in this: all ranks of a group have its collectives in the
  // same order (CheckGroups). Those of BuildStepPlan are all the same, without groups.
  std::vector<std::vector<PlanStep>> steps;
  std::vector<MemoryUse>
      memory;  // per rank, of training on a CPU; rank 0 puts checkpoints together
  std::vector<MemorySizes> memory_sizes;  // per rank: what that follows from
  std::vector<double> parameters;         // per rank, elements; p blocks own no output biases
  double total_parameters = 0;            // of the full GPT-2, whatever the pattern
  double position_parameters = 0;         // those of the position table
};

// Errors: InvalidArgument from BuildShardMap, or if a size is < 1, or pattern and layers differ.
absl::StatusOr<StepPlan> BuildStepPlan(const PlanOptions& options);

// The forward pass of one micro-batch alone, with Phase::kEvaluate: what one evaluation batch does.
// It is never cut into groups of rows: it is no part of a step.
absl::StatusOr<StepPlan> BuildEvaluationPlan(const PlanOptions& options);

// A pass that chooses the next token of options.batch sequences.
struct DecodePass {
  int new_tokens = 1;  // of each sequence, whatever its own length: shorter ones are padded
  int cached = 0;      // tokens of the longest sequence whose keys and values are kept from before
  int capacity = 0;    // tokens of each sequence for which there is room; 0: nothing is kept
};

// The forward pass over the new tokens, up to the logits of each sequence's last one, with
// Phase::kEvaluate. `memory` is that of a rank that decodes, with what it keeps.
// Errors: those of BuildStepPlan; InvalidArgument for a pass beyond shape.sequence.
absl::StatusOr<StepPlan> BuildDecodePlan(const PlanOptions& options, const DecodePass& pass);

// The same without a cache, of sequences of shape.sequence tokens.
absl::StatusOr<StepPlan> BuildNextTokenPlan(const PlanOptions& options);

// The collectives of one rank's list, each once, in the order in which they start.
std::vector<CollectiveStep> Collectives(const std::vector<PlanStep>& steps);

// Every entry of one rank's list that is none of computing: an overlapped collective is two. They
// delimit the compute segments (compute_cost.h), and are what a worker is audited against.
std::vector<CollectiveStep> CollectiveEntries(const std::vector<PlanStep>& steps);

// Each collective of the plan once: as the first rank of its group has it. Rank by rank.
void ForEachCollective(const StepPlan& plan, absl::FunctionRef<void(const CollectiveStep&)> visit);

// Whether the collectives of the lists belong together: groups name ranks of the plan, each once,
// one of which is the list's own, rising where they sum; a kSend has two; and the ranks of a group
// start the same collectives of it in the same order.
// Errors: InvalidArgument naming rank and collective.
absl::Status CheckGroups(const StepPlan& plan);

// Whether what a list starts is waited for later, once, and has the handle that counts its kStarts.
// Errors: InvalidArgument naming the first handle for which that is not so.
absl::Status CheckHandles(const std::vector<PlanStep>& steps);

}  // namespace edgetp
