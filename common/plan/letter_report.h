// What `edgetp patterns` and `edgetp plan` say about letters: all of them, and those of one pattern
// with what they cost. Pure.
#pragma once

#include "common/plan/step_plan.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

v1::PatternsReport BuildPatternsReport();

// Adds `letters` and `notes`. `steps`: those of one rank.
void AddLetters(const PlanOptions& options, const std::vector<PlanStep>& steps,
                v1::PlanReport* report);

}  // namespace edgetp
