// The training loop of one rank. All ranks run the same loop: on the same batches, or, where each
// has a replica, on its part of them. Rank 0 alone saves, and reports losses but those of replicas.
// Whatever comes between two steps ends with a barrier, so that the next step begins for all ranks
// at once, and has none of its time.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "edgetp/v1/cluster.pb.h"
#include "worker/collective/collective_stats.h"
#include "worker/job/evaluation.h"

namespace edgetp {

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
  // Full tensors after `step` updates, optimizer state included; on rank 0 alone.
  virtual absl::Status SaveCheckpoint(int step, std::vector<NamedTensor> tensors) = 0;
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
