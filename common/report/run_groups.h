// Runs that differ in their seed alone are one line with a band; each group gets a name as short as
// it can be without being another one's. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/report/run_record.h"

namespace edgetp {

struct RunGroup {
  std::string label;         // "sppp", "sppp, wifi-5", "tttt, wifi-5, overlap DW"; unique
  std::vector<size_t> runs;  // indices, rising
};

// In the order of their first runs. A run whose config cannot be read is a group of its own.
std::vector<RunGroup> GroupRuns(const std::vector<RunRecord>& runs);

}  // namespace edgetp
