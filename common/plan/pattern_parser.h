// The grammar of patterns: text to blocks. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/pattern.h"

namespace edgetp {

struct ParsedPattern {
  std::vector<PatternBlock> blocks;  // their places in runs are left at the default
  std::vector<std::string> notes;    // "t~0 is t"
};

// Errors: InvalidArgument naming the position and the rule.
absl::StatusOr<ParsedPattern> ParsePattern(const std::string& text);

}  // namespace edgetp
