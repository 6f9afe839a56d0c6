// Tables of `edgetp validate`. Pure.
#pragma once

#include <string>

#include "edgetp/v1/published.pb.h"

namespace edgetp {

// A table for each set of rows, and the errors of all sources at the end.
std::string ValidateTables(const v1::ValidateReport& report);

// Name, title and source of each.
std::string SourceList(const v1::ValidateReport& report);

}  // namespace edgetp
