// Which device each rank of a run has, as people write it: "raspberry-pi-5" for all of them, or
// "raspberry-pi-5*2+raspberry-pi-4" rank by rank. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace edgetp {

struct DevicePart {
  std::string name;          // a preset, or a path
  std::optional<int> count;  // of consecutive ranks; absent: all of them
};

// The parts of a mixture count as one rank each unless they say more.
// Errors: InvalidArgument for an empty name, or a count that is no number above 0.
absl::StatusOr<std::vector<DevicePart>> ParseDeviceMix(const std::string& text);

}  // namespace edgetp
