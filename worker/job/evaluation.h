// The validation loss of a model in training: which windows of the split count, and their mean
// cross-entropy. Used by the training loop and by evaluation jobs.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/data/token_source.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/report.pb.h"
#include "worker/collective/collective_group.h"
#include "worker/job/job_control.h"
#include "worker/model/trainer.h"

namespace edgetp {

// Told what takes long and is no step, as often as the caller likes; `job` is still empty. May be
// null.
using ProgressCallback = std::function<void(v1::JobProgress)>;

// Everything an evaluation works on; all of it outlives the evaluation.
struct EvaluationParts {
  const v1::RunConfig* config = nullptr;  // complete
  const TokenSource* corpus = nullptr;
  Trainer* trainer = nullptr;
  CollectiveGroup* group = nullptr;
  JobControl* control = nullptr;
  ProgressCallback progress;
};

// How many windows the last evaluation of a run reads: the whole split where that costs less than a
// tenth of the run's training, else train.eval_windows. Counted in tokens, of which a forward pass
// costs a third of a step; not measured: all runs of one config read the same windows, whatever
// their network and host.
// `replicas` share both.
int64_t FinalWindows(const v1::TrainConfig& train, int64_t total, int replicas = 1);

// Mean cross-entropy over these windows of the validation split, train.batch of them at a time. All
// ranks call with the same windows. Ranks with a replica each, which must be alike, read a part of
// them each, and sum up. Sets
// loss, tokens, windows and windows_total.
// Errors: InvalidArgument without a window; those of the model and its collectives; the status of an
// abort.
absl::StatusOr<v1::EvalReport> Evaluate(const EvaluationParts& parts,
                                        absl::Span<const int64_t> windows);

}  // namespace edgetp
