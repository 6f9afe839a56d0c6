// Strategies as tables and words.
#pragma once

#include <string>

#include "edgetp/v1/report.pb.h"

namespace edgetp {

// "pipeline, 1f1b, layers by stage 3, 3, 3, 3".
std::string StrategyText(const v1::StrategyUse& use);

// What has to be said of a step that is one of a round; empty of others.
std::string RoundText(const v1::StrategyUse& use);

std::string StrategyPlanTable(const v1::StrategyPlanReport& report);

}  // namespace edgetp
