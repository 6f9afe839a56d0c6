// Logging of the three programs: spdlog's default logger on stderr, one line per message. Libraries
// call spdlog::info and friends; only main calls InitLogging.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace edgetp {

// Lines read "14:30:05.123 I edgetp_server[4711] message". `level`: trace, debug, info, warn, error
// or off.
// Errors: InvalidArgument with the list of levels.
absl::Status InitLogging(const std::string& program, const std::string& level);

}  // namespace edgetp
