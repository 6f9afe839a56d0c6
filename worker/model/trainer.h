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
#include "common/data/stored_tensor.h"
#include "common/data/token_batch.h"
#include "common/plan/data_parallel.h"
#include "common/plan/memory_rules.h"
#include "common/plan/model_shape.h"
#include "common/plan/optimizer.h"
#include "common/plan/overlap.h"
#include "common/plan/pattern.h"
#include "worker/model/communicator.h"
#include "worker/model/decoder.h"

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
  // Of the products with a block's weights and with the head. Others than fp32 need hardware for them.
  Precision precision = Precision::kFp32;
  uint64_t seed = 1337;
  std::string device = "cpu";  // cpu, cuda:0
  AdamWOptions adamw;
  double clip_norm = 0;  // 0: no clipping
  // Where every rank has a replica of the whole model: what they exchange. Blocks of t alone,
  // without split, overlap or shared vocabulary.
  ReplicaOptions replicas;
  bool trains = true;       // false: no gradients and no moments, for who evaluates and samples
  bool initialises = true;  // false: zeros, because LoadWeights follows
};

// What becomes of a step's gradients. A plain learning rate is one, too.
struct UpdateRule {
  UpdateRule(double learning_rate) : learning_rate(learning_rate) {}

  double learning_rate;
  // Of the steps before this one, those that changed nothing: the optimizer's bias correction counts
  // updates.
  int skipped_before = 0;
  // Gradients whose norm is not at most so much, NaN included, change nothing; absent: all are
  // used.
  std::optional<double> norm_limit;
};

struct StepResult {
  // Mean over micro-batches and tokens, the same on all ranks; of replicas, of this one's batches.
  double loss = 0;
  // Of the whole model, before clipping, the same on all ranks; where replicas exchange weights, of
  // this one's gradients.
  double gradient_norm = 0;
  bool skipped = false;  // by UpdateRule::norm_limit: weights and moments are as before
};

class Trainer {
 public:
  virtual ~Trainer() = default;

  // Builds this rank's shard from the seed, piece by piece. `communicator` must outlive the trainer.
  // Errors: InvalidArgument (shape, split, device, precision), ResourceExhausted (memory).
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(const TrainerOptions& options,
                                                         Communicator* communicator);

  // One optimizer update over all micro-batches. All-reduces in exactly the order of BuildStepPlan;
  // replicas in that of BuildDataPlan, or not at all. A replica's micro-batches are its part of
  // those of the step: rows from rank * batch on.
  // `step` (0-based) keys dropout, and with the rule the optimizer's bias correction.
  virtual absl::StatusOr<StepResult> TrainStep(int step, absl::Span<const TokenBatch> micro_batches,
                                               const UpdateRule& rule) = 0;

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

  // What chooses the next tokens of several sequences, dropout off (decoder.h). The trainer must
  // outlive it, and weights that change later are not those of what it has kept.
  // Errors: InvalidArgument (rows, capacity), ResourceExhausted (memory).
  virtual absl::StatusOr<std::unique_ptr<Decoder>> NewDecoder(const DecoderOptions&) {
    return absl::FailedPreconditionError("this trainer does not decode");
  }

  // Compares a hash of every replicated parameter over the ranks (one all-reduce of class control).
  // Errors: Internal naming the first tensor that differs.
  virtual absl::Status CheckReplicas(int step) = 0;

  // Replaces weights by full tensors, of which each rank reads what it needs, in pieces. What a block
  // of the pattern does not own (of p the output biases, of g ln_2) may be there and is ignored.
  // Errors: InvalidArgument naming a missing, unknown or misshapen tensor; nothing is changed then.
  // Those of reading; then some weights are changed.
  virtual absl::Status LoadWeights(const std::vector<StoredTensor>& tensors) = 0;

  // What ExportWeights sends, on every rank: all full tensors in order. With `optimizer_state` also
  // "optimizer.exp_avg.<name>" and "optimizer.exp_avg_sq.<name>"; where replicas exchange weights, of
  // the outer optimizer "optimizer.outer_momentum.<name>", and the moments of each rank
  // ("optimizer.replicas.exp_avg.<name>").
  virtual std::vector<TensorInfo> ExportedTensors(bool optimizer_state) const = 0;

  // Gathers those tensors piece by piece (slices of class control; every rank must call). On rank 0
  // `sink` gets their values, in order; elsewhere it is not called. Of replicas those of rank 0:
  // nothing travels but each rank's moments. What a block does not own is sent as zeros, a norm's
  // weight as ones.
  // Errors: the first one of `sink`; all ranks go on to the end all the same.
  virtual absl::Status ExportWeights(bool optimizer_state, const ValueSink& sink) = 0;

  // Replaces the optimizer's moments ("optimizer.exp_avg.<name>", ...); names without moments are
  // errors. An outer optimizer that finds no momentum begins without.
  virtual absl::Status LoadOptimizerState(const std::vector<StoredTensor>& tensors) = 0;

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
