// What the table of a run says about its steps beside their time. Pure.
#pragma once

#include <string>

#include "edgetp/v1/report.pb.h"

namespace edgetp {

// ", MFU 4.1 %, 2 skipped, ended by max_seconds", as far as it applies.
std::string StepFacts(const v1::RunSummary& run);

}  // namespace edgetp
