// How a run goes on that has lost a worker (RecoveryConfig): pure rules.
// Source: the rules are those of docs/training.md, "Checkpoints, resume and recovery".
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edgetp/v1/cluster.pb.h"

namespace edgetp {

// A run of training that is to go on without somebody's help.
bool GoesOnAfterLoss(const v1::JobSpec& spec);

// How long its next attempt waits for workers.
absl::Duration RejoinLimit(const v1::JobSpec& spec);

// `restarts`: so many without a new checkpoint in between, the next one included.
// Errors: ResourceExhausted naming the limit.
absl::Status CheckRestarts(const v1::JobSpec& spec, int restarts);

// The job for `workers`, at most as many as it has: an even split, and of replicas the same
// sequences per step. `lost`: whose device profile goes, where each rank has its own.
// Errors: InvalidArgument saying why the model or the batch does not fit so many.
absl::StatusOr<v1::JobSpec> ForWorkers(const v1::JobSpec& spec, int workers,
                                       std::optional<int> lost);

}  // namespace edgetp
