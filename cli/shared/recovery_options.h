// What a run does about lost workers and about its checkpoints: the flags, and what they mean for a
// local cluster.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "cli/shared/launcher.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// As typed; absent: what presets or defaults say.
struct RecoveryFlags {
  std::optional<std::string> on_loss;
  std::optional<double> rejoin_seconds;
  std::optional<int> max_restarts;
  std::optional<int> checkpoint_interval;
  std::optional<int> keep_checkpoints;
};

// --on_loss --rejoin_seconds --max_restarts --checkpoint_interval --keep_checkpoints
void AddRecoveryFlags(CLI::App* command, RecoveryFlags* flags);
void ApplyRecovery(const RecoveryFlags& flags, v1::RunConfig* config);

// What a local cluster does about a worker that has died under such a run.
DeadWorkers DeadWorkersOf(const v1::RunConfig& config);

}  // namespace edgetp
