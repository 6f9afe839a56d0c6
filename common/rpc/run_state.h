// The states of a run, as StatusResponse.Run.state has them: queued, preparing, running; done, failed
// or stopped at its end. Pure.
#pragma once

#include "absl/strings/string_view.h"
#include "edgetp/v1/control.pb.h"

namespace edgetp {

// "unknown" for a phase that has no name.
const char* RunStateOf(v1::Phase::Name phase);

// It is preparing or running.
bool HasWorkers(absl::string_view state);
bool HasEnded(absl::string_view state);

// The run that has workers; null if none.
const v1::StatusResponse::Run* ActiveRunOf(const v1::StatusResponse& status);

}  // namespace edgetp
