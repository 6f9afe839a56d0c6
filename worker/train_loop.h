// The training loop of one rank. All ranks run the same loop on the same batches; rank 0 alone
// reports losses and saves.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/batches.h"
#include "common/data/corpus.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/config.pb.h"
#include "worker/collective_group.h"
#include "worker/job_control.h"
#include "worker/model/trainer.h"

namespace edgetp {

// Where a training loop's results go. Called by the loop's thread.
class TrainingSink {
 public:
  virtual ~TrainingSink() = default;
  // After every step; `job` and `end_seconds` are still empty.
  virtual void Step(const StepStats& stats, v1::StepReport report) = 0;
  // Full tensors after `step` updates, optimizer state included; on rank 0 alone.
  virtual absl::Status SaveCheckpoint(int step, const std::vector<NamedTensor>& tensors) = 0;
};

// Everything a loop works on; all of it outlives the loop.
struct TrainLoopParts {
  const v1::RunConfig* config = nullptr;  // complete
  const Corpus* corpus = nullptr;
  Trainer* trainer = nullptr;
  CollectiveGroup* group = nullptr;
  JobControl* control = nullptr;
  TrainingSink* sink = nullptr;
  int first_step = 0;  // updates that were made before (a resumed run)
};

// Blocks until: the last step is done and its checkpoint saved, or the first error.
// Errors: those of the model, its collectives and the sink; the status of an abort.
absl::Status Train(const TrainLoopParts& parts);

// Mean cross-entropy over the first `windows` windows of the validation split, `batch` of them at a
// time.
absl::StatusOr<double> EvaluateValidation(const TrainLoopParts& parts, int64_t windows);

}  // namespace edgetp
