// The grammar of patterns: text to blocks. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/pattern.h"

namespace edgetp {

// The blocks one after another; their places in runs are left at the default.
// Errors: InvalidArgument naming the position and the rule.
absl::StatusOr<std::vector<PatternBlock>> ParseBlocks(const std::string& text);

}  // namespace edgetp
