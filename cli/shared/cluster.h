// Where a job runs: a local cluster that lives as long as this object, or a running one (--server).
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/shared/exit_code.h"
#include "cli/shared/job.h"
#include "cli/shared/launcher.h"
#include "cli/shared/remote.h"

namespace edgetp {

struct ClusterFlags {
  ServerFlags server;               // address empty: start a local cluster
  double worker_wait_seconds = 30;  // for a running cluster's workers to join
  LauncherOptions local;
};

// What a local cluster takes: --device --threads --runs --log_level. Returns the options that mean
// nothing to a running one.
std::vector<CLI::Option*> AddLocalFlags(CLI::App* command, LauncherOptions* options);

// --server with the flags of security.h, --worker_wait_seconds, and those of AddLocalFlags.
void AddClusterFlags(CLI::App* command, ClusterFlags* flags);

// The same where --device takes both what local workers compute on and, for `profile`, the device
// that they are paced to: the name says which it is.
void AddPacedClusterFlags(CLI::App* command, ClusterFlags* flags,
                          std::optional<std::string>* profile);

class Cluster {
 public:
  // Starts, or reaches, a cluster with at least `workers` workers.
  // Blocks until: they have joined, or worker_wait_seconds.
  // Errors: those of LocalCluster::Start and Remote::GetStatus; InvalidArgument if a running
  // cluster is too small; Cancelled by a signal.
  static absl::StatusOr<Cluster> Open(const ClusterFlags& flags, int workers);

  Remote& remote() { return *remote_; }
  LocalCluster* local() { return local_.get(); }  // null: somebody else's

  // For a job that failed: keeps the processes' logs and says on stderr where they are. Nothing for
  // a running cluster.
  void KeepLogs();

 private:
  std::unique_ptr<LocalCluster> local_;
  std::unique_ptr<Remote> remote_;
};

// Says on stderr why a job failed; unless it was interrupted, also where the logs are. Returns the
// exit code.
ExitCode ReportFailure(const JobOutcome& outcome, Cluster& cluster);

}  // namespace edgetp
