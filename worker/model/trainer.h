// One rank's model, optimizer and gradients behind a header without LibTorch: what worker/ sees of
// worker/model/. LibTorch's exceptions stop here. Not thread-safe; one thread calls it.
// After a failed all-reduce the ranks are out of step: every later call returns that first Status.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/data/named_tensor.h"
#include "common/data/token_batch.h"
#include "common/plan/data_parallel.h"
#include "common/plan/memory_rules.h"
#include "common/plan/model_shape.h"
#include "common/plan/optimizer.h"
#include "common/plan/overlap.h"
#include "common/plan/pattern.h"
#include "worker/model/communicator.h"

namespace edgetp {

enum class GeluKind { kErf, kTanh };
enum class InitKind { kGpt2, kTorch };
enum class MergeKind { kSumLast, kMean, kSum };

struct TrainerOptions {
  ModelShape shape;
  GeluKind gelu = GeluKind::kTanh;
  InitKind init = InitKind::kGpt2;
  MergeKind merge = MergeKind::kSumLast;
  double dropout = 0;
  Pattern pattern;
  Overlap overlap;
  std::vector<int> split;            // empty: even
  bool vocabulary_parallel = false;  // ranks share the rows of the embedding and of the head
  // Stages of blocks compute their insides again in the backward pass instead of keeping them: same
  // bits. Not with overlap ROWS.
  bool recompute = false;
  std::optional<int> loss_rows;  // as RowsOfLogits takes it (common/plan/memory_rules.h)
  // Of the products with a block's weights and with the head. bf16 needs hardware for it.
  Precision precision = Precision::kFp32;
  uint64_t seed = 1337;
  std::string device = "cpu";  // cpu, cuda:0
  AdamWOptions adamw;
  double clip_norm = 0;  // 0: no clipping
  // Where every rank has a replica of the whole model: what they exchange. Blocks of t alone,
  // without split, overlap or shared vocabulary.
  ReplicaOptions replicas;
};

struct StepResult {
  // Mean over micro-batches and tokens, the same on all ranks; of replicas, of this one's batches.
  double loss = 0;
  // Of the whole model, before clipping, the same on all ranks; where replicas exchange weights, of
  // this one's gradients.
  double gradient_norm = 0;
};

// Told how many bytes of how many are done. May be null.
using ByteProgress = std::function<void(double done, double total)>;

class Trainer {
 public:
  virtual ~Trainer() = default;

  // Builds this rank's shard from the seed. `communicator` must outlive the trainer.
  // Errors: InvalidArgument (shape, split, device, precision), ResourceExhausted (memory).
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(const TrainerOptions& options,
                                                         Communicator* communicator);

  // One optimizer update over all micro-batches. All-reduces in exactly the order of BuildStepPlan;
  // replicas in that of BuildDataPlan, or not at all. A replica's micro-batches are its part of
  // those of the step: rows from rank * batch on.
  // `step` (0-based) keys dropout and the optimizer's bias correction.
  virtual absl::StatusOr<StepResult> TrainStep(int step, absl::Span<const TokenBatch> micro_batches,
                                               double learning_rate) = 0;

  // Where replicas exchange weights: what they have moved since the last time becomes one step of
  // the outer optimizer, after which all have the same weights. One all-reduce (BuildLocalPlans).
  // Errors: FailedPrecondition for other ranks.
  virtual absl::Status OuterStep() {
    return absl::FailedPreconditionError("outer step: the ranks exchange no weights");
  }

  // Mean cross-entropy, dropout off. All-reduces in the order of BuildEvaluationPlan.
  virtual absl::StatusOr<double> Evaluate(const TokenBatch& batch) = 0;

  // Logits of the last position, dropout off. All-reduces in the order of BuildNextTokenPlan.
  // Shapes: tokens (T' <= T) -> (V).
  virtual absl::StatusOr<std::vector<float>> NextTokenLogits(absl::Span<const int64_t> tokens) = 0;

  // Compares a hash of every replicated parameter over the ranks (one all-reduce of class control).
  // Errors: Internal naming the first tensor that differs.
  virtual absl::Status CheckReplicas(int step) = 0;

  // Replaces weights by full tensors, each rank taking its slice. What a block of the pattern does
  // not own (of p the output biases, of g ln_2) may be there and is ignored.
  // Errors: InvalidArgument naming a missing, unknown or misshapen tensor; nothing is changed then.
  virtual absl::Status LoadWeights(const std::vector<NamedTensor>& tensors) = 0;

  // Gathers full tensors (slices of class control; every rank must call, rank 0 gets them, others an
  // empty list). With `optimizer_state` also "optimizer.exp_avg.<name>" and
  // "optimizer.exp_avg_sq.<name>", of the outer optimizer "optimizer.outer_momentum.<name>". Of
  // replicas those of rank 0; nothing travels. What a block does not own is written as zeros,
  // a norm's weight as ones.
  // `progress` counts the bytes of the full tensors.
  virtual absl::StatusOr<std::vector<NamedTensor>> ExportWeights(bool optimizer_state,
                                                                 const ByteProgress& progress) = 0;

  // Replaces the optimizer's moments ("optimizer.exp_avg.<name>", ...); names without moments are
  // errors. An outer optimizer that finds no momentum begins without.
  virtual absl::Status LoadOptimizerState(const std::vector<NamedTensor>& tensors) = 0;

  // For tests: this rank's gradients of the last TrainStep, after gradient sync and before clipping,
  // sliced as the weights are.
  virtual absl::StatusOr<std::vector<NamedTensor>> LocalGradients() = 0;
};

// A product of (rows, inner) by (inner, columns).
struct GemmShape {
  int64_t rows = 0;
  int64_t inner = 0;
  int64_t columns = 0;
};

// Seconds of one such product on a device ("cpu", "cuda:0"), median of several that take about a
// fifth of a second.
double MeasureGemmSeconds(const GemmShape& shape, const std::function<double()>& now_seconds,
                          const std::string& device = "cpu");

// GFLOP/s of a 512 x 512 x 512 product on one thread: below about 20 the BLAS is not a fast one.
// `now_seconds` reads a monotonic clock; the model itself has none.
double MeasureGemmGflops(const std::function<double()>& now_seconds);

}  // namespace edgetp
