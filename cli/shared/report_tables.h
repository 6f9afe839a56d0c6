// Reports as tables of at most 100 columns. Pure: messages in, text out.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "edgetp/v1/control.pb.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// One run: losses, step time measured and predicted, where the time goes, verdict.
std::string TrainTable(const v1::RunSummary& run);

// One row per cell: what each pattern costs on each network, in time and in loss; then where the
// time of a step goes, and what a reader must know about rows that failed or are not valid.
// `patterns`: as typed, one per row, so that "(sppp)*3" stays short. Time saved refers to the first
// row with the same network and workers.
std::string SweepTable(const v1::SweepReport& sweep, const std::vector<std::string>& patterns);

std::string PlanTable(const v1::PlanReport& plan);
std::string BenchTable(const v1::BenchReport& bench);
std::string EvalTable(const v1::EvalReport& eval);
std::string StatusTable(const v1::StatusResponse& status);

// The terms of a breakdown, in the order in which a step meets them.
std::vector<std::pair<std::string, double>> BreakdownTerms(const v1::Breakdown& breakdown);

}  // namespace edgetp
