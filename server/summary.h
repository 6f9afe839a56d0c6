// From what a run has left behind to its summary. Pure.
#pragma once

#include "edgetp/v1/report.pb.h"
#include "server/outputs.h"
#include "server/prediction.h"

namespace edgetp {

// Whether anything was emulated or paced, so that the host can have been too slow for it.
bool WasEmulated(const EndedRun& ended);

v1::RunSummary Summarize(const EndedRun& ended, const Prediction& prediction);

}  // namespace edgetp
