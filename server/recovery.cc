#include "server/recovery.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/validate.h"

namespace edgetp {
namespace {

// Replicas read one part each of the sequences of a step: these must stay as many.
absl::Status KeepSequences(int workers, v1::RunConfig* config) {
  ASSIGN_OR_RETURN(const ReplicaOptions replicas, ToReplicaOptions(*config));
  if (!replicas.replicated()) return absl::OkStatus();
  const int sequences = config->train().batch() * config->workers();
  if (sequences % workers != 0) {
    return absl::InvalidArgumentError(absl::StrCat("train.batch: the ", sequences,
                                                   " sequences of a micro-batch cannot be dealt "
                                                   "out to ",
                                                   workers, " replicas"));
  }
  config->mutable_train()->set_batch(sequences / workers);
  return absl::OkStatus();
}

}  // namespace

bool GoesOnAfterLoss(const v1::JobSpec& spec) {
  const std::string& rule = spec.config().recovery().on_loss();
  return spec.has_train() && (rule == "wait" || rule == "reshard");
}

absl::Duration RejoinLimit(const v1::JobSpec& spec) {
  return absl::Seconds(spec.config().recovery().rejoin_seconds());
}

absl::Status CheckRestarts(const v1::JobSpec& spec, int restarts) {
  const int limit = spec.config().recovery().max_restarts();
  if (restarts <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "it has begun again ", limit, " times without a new checkpoint (recovery.max_restarts=",
      limit, "; train.checkpoint_interval says how often one is saved)"));
}

absl::StatusOr<v1::JobSpec> ForWorkers(const v1::JobSpec& spec, int workers,
                                       std::optional<int> lost) {
  if (workers == spec.config().workers()) return spec;
  v1::JobSpec fewer = spec;
  v1::RunConfig* const config = fewer.mutable_config();
  RETURN_IF_ERROR(KeepSequences(workers, config));
  config->set_workers(workers);
  config->clear_split();
  for (int spare = config->devices_size() - workers; spare > 0; --spare) {
    const int rank = lost.value_or(config->devices_size() - 1);
    config->mutable_devices()->DeleteSubrange(std::min(rank, config->devices_size() - 1), 1);
  }
  RETURN_IF_ERROR(ValidateRun(*config, "job"));
  return fewer;
}

}  // namespace edgetp
