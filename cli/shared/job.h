// One job on a cluster, from submission to its last event: the path that train, sweep, eval, sample
// and bench share, whether the cluster is ours or somebody else's.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/shared/exit_code.h"
#include "cli/shared/launcher.h"
#include "cli/shared/remote.h"
#include "edgetp/v1/control.pb.h"

namespace edgetp {

struct JobOutcome {
  std::string run;
  std::string directory;  // on the server's host
  absl::Status status;    // why it did not end well; Cancelled after a shutdown signal
  std::optional<v1::RunSummary> summary;
  std::optional<v1::JobResult> result;
};

// A job that was started and did not end well is a failed run, whatever the reason; Ctrl-C is an
// interrupt.
ExitCode ExitCodeOf(const JobOutcome& outcome);

using EventCallback = std::function<void(const v1::RunEvent&)>;

// Submits `spec` and follows it. A shutdown signal stops the job first, so that its directory is
// left complete. `cluster`: the local cluster that runs it, if it is ours; its children are
// watched, too. May be null.
// Blocks until: the job has ended, the server does not answer any more (about 10 s), or 5 s after a
// shutdown signal.
// Errors: those of Submit. A job that ran and failed is an outcome with its status, not an error.
absl::StatusOr<JobOutcome> RunJob(Remote& remote, const v1::JobSpec& spec, LocalCluster* cluster,
                                  const EventCallback& on_event);

// The second half of RunJob: follows a job that is there already. `stop_on_signal`: a shutdown
// signal stops the job (else it only ends the watching).
JobOutcome WatchJob(Remote& remote, const std::string& run, LocalCluster* cluster,
                    bool stop_on_signal, const EventCallback& on_event);

}  // namespace edgetp
