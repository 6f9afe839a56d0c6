// The reports of `edgetp simulate` as tables of at most 100 columns. Pure.
#pragma once

#include <string>
#include <vector>

#include "edgetp/v1/report.pb.h"

namespace edgetp {

// `pattern`: as typed, so that "(sppp)*3" stays short.
std::string SimulateTable(const v1::SimulateReport& report, const std::string& pattern);

// A row for each combination, then where the time goes, then crossovers and what is not feasible.
// `patterns`: as typed, one per row.
std::string SimulateSweepTable(const v1::SimulateSweepReport& sweep,
                               const std::vector<std::string>& patterns);

std::string AllReduceTable(const v1::AllReduceReport& report);

}  // namespace edgetp
