// One job of this worker, from its assignment to its result: fetches what the job needs, builds the
// model, dials the peers, waits for the start, runs the task (train, evaluate, sample, benchmark),
// reports.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/metrics/worker_metrics.h"
#include "edgetp/v1/cluster.pb.h"
#include "worker/job/job_control.h"
#include "worker/job/server_link.h"
#include "worker/transport/peer_endpoint.h"

namespace edgetp {

// What every job of a process shares.
struct JobEnvironment {
  PeerEndpoint* endpoint = nullptr;
  WorkerMetrics* metrics = nullptr;
  std::string device = "cpu";
  int threads = 1;
};

struct JobContext {
  const JobEnvironment* environment;
  ServerLink* link;
  JobControl* control;
};

// Blocks until: the result has been sent (OK), or the server has ended the job, which the first
// error of this rank asks it to do.
// Errors: Aborted with the server's verdict on what failed first; this rank's own error where the
// server gives none. All resources of the job are released on return.
absl::Status ExecuteJob(const v1::Assign& assign, const JobContext& context);

}  // namespace edgetp
