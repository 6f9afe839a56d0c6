#include "common/rpc/run_state.h"

namespace edgetp {

const char* RunStateOf(v1::Phase::Name phase) {
  switch (phase) {
    case v1::Phase::NAME_QUEUED:
      return "queued";
    case v1::Phase::NAME_PREPARING:
      return "preparing";
    case v1::Phase::NAME_RUNNING:
      return "running";
    case v1::Phase::NAME_DONE:
      return "done";
    case v1::Phase::NAME_FAILED:
      return "failed";
    case v1::Phase::NAME_STOPPED:
      return "stopped";
    default:
      return "unknown";
  }
}

bool HasWorkers(absl::string_view state) { return state == "preparing" || state == "running"; }

bool HasEnded(absl::string_view state) {
  return state == "done" || state == "failed" || state == "stopped";
}

const v1::StatusResponse::Run* ActiveRunOf(const v1::StatusResponse& status) {
  for (const v1::StatusResponse::Run& run : status.runs()) {
    if (HasWorkers(run.state())) return &run;
  }
  return nullptr;
}

}  // namespace edgetp
