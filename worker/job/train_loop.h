// The training loop of one rank. All ranks run the same loop: on the same batches, or, where each
// has a replica, on its part of them. Rank 0 alone saves, and reports losses but those of replicas.
// Whatever comes between two steps ends with a barrier, so that the next step begins for all ranks
// at once, and has none of its time.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/data/stored_tensor.h"
#include "edgetp/v1/cluster.pb.h"
#include "worker/collective/collective_stats.h"
#include "worker/job/evaluation.h"

namespace edgetp {

// A checkpoint on its way to where it is kept. One that is not finished is none.
class CheckpointWriter {
 public:
  virtual ~CheckpointWriter() = default;
  // The next values of its tensors. Blocks until: they are on their way.
  virtual absl::Status Write(absl::Span<const float> values) = 0;
  // Blocks until: it is stored. Call once, last.
  virtual absl::Status Finish() = 0;
};

// Where a training loop's results go. Called by the loop's thread.
class TrainingSink {
 public:
  virtual ~TrainingSink() = default;
  // Since the first step began, on this host's clock.
  virtual double Seconds() const = 0;
  // At the end of a step, before anything else happens: sets what the loop does not know, the time
  // and the network among it.
  virtual void EndStep(v1::StepReport* report) = 0;
  // After every step and its evaluation.
  virtual void Step(const StepStats& stats, v1::StepReport report) = 0;
  // Of full tensors after `step` updates, optimizer state included, whose values follow in this
  // order; on rank 0 alone.
  virtual absl::StatusOr<std::unique_ptr<CheckpointWriter>> BeginCheckpoint(
      int step, const std::vector<TensorInfo>& tensors) = 0;
};

// Everything a loop works on; all of it outlives the loop.
struct TrainLoopParts : EvaluationParts {
  TrainingSink* sink = nullptr;
  int first_step = 0;              // updates that were made before (a resumed run)
  std::vector<NamedTensor> guard;  // what its guard of norms had kept (worker/job/norm_guard.h)
};

struct TrainOutcome {
  v1::EvalReport evaluation;  // the last one
  // Why this rank's part of the last checkpoint failed: no reason to lose what was trained and
  // measured.
  absl::Status checkpoint;
};

// Blocks until: the last step is done and its checkpoint saved, or the first error. The last step is
// that of the config, or an earlier one where its max_seconds are over.
// Errors: those of the model and its collectives; the status of an abort; FailedPrecondition if no
// step is left to do.
absl::StatusOr<TrainOutcome> Train(const TrainLoopParts& parts);

}  // namespace edgetp
