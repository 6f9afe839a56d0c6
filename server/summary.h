// From what a run has left behind to its summary. Pure.
#pragma once

#include <vector>

#include "edgetp/v1/report.pb.h"
#include "server/outputs.h"
#include "server/prediction.h"

namespace edgetp {

// The value that `share` of the samples do not exceed (nearest rank); 0 without samples.
double Quantile(std::vector<double> samples, double share);

// Whether anything was emulated or paced, so that the host can have been too slow for it.
bool WasEmulated(const EndedRun& ended);

v1::RunSummary Summarize(const EndedRun& ended, const Prediction& prediction);

}  // namespace edgetp
