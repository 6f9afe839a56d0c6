// Sampling as a job of a worker: what it makes goes to the server as it is made.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "edgetp/v1/cluster.pb.h"
#include "worker/collective/collective_group.h"
#include "worker/job/job_control.h"
#include "worker/job/job_sink.h"
#include "worker/job/run_recorder.h"
#include "worker/job/server_link.h"
#include "worker/model/trainer.h"

namespace edgetp {

// What a sampling job has; all of it must outlive the job.
struct SampleJob {
  const v1::Assign* assign = nullptr;
  Trainer* trainer = nullptr;
  CollectiveGroup* group = nullptr;
  JobControl* control = nullptr;
  ServerLink* link = nullptr;
  RunRecorder* recorder = nullptr;
  const NetworkName* network = nullptr;
};

// Each token is a step to the server, but the first one; under the simulated clock nobody waits,
// and nothing is measured. Rank 0 sends the text, and the report.
// Errors: those of SampleTexts.
absl::Status RunSampling(const SampleJob& job, const std::vector<std::string>& symbols,
                         v1::JobResult* result);

}  // namespace edgetp
