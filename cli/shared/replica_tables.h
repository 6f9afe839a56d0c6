// What strategies add to the tables of runs: steps that have different numbers of tokens, and steps
// of which few exchange anything. Pure.
#pragma once

#include <string>
#include <vector>

#include "edgetp/v1/report.pb.h"

namespace edgetp {

// Step time of a run over that of another; per token, where both say how many tokens a step has. Of
// local replicas the mean step counts, else the median.
double StepRatio(const v1::RunSummary& run, const v1::RunSummary& baseline);

// "data: 2 replicas, 1.54K tokens per step together"; empty for one model.
std::string StrategyText(const v1::RunSummary& run);

// Lines below a sweep's tables; empty where all rows share one model.
std::string StrategyNotes(const v1::SweepReport& sweep, const std::vector<std::string>& patterns);

}  // namespace edgetp
