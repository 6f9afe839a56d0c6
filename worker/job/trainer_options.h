// From a job's RunConfig to the plain structs that worker/model takes. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "edgetp/v1/config.pb.h"
#include "worker/model/trainer.h"

namespace edgetp {

// `config` has every default filled and its vocabulary set.
// Errors: those of ToModelShape, Pattern::Parse, ToOverlap and ToReplicaOptions.
absl::StatusOr<TrainerOptions> ToTrainerOptions(const v1::RunConfig& config,
                                                const std::string& device);

}  // namespace edgetp
