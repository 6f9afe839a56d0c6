// How `edgetp` ends: the codes that scripts rely on. Pure.
#pragma once

#include "absl/status/status.h"

namespace edgetp {

enum ExitCode {
  kExitDone = 0,
  kExitRunFailed = 1,
  kExitBadInput = 2,
  kExitInterrupted = 130,
};

// Bad input is what the user can fix by typing something else: InvalidArgument, NotFound,
// AlreadyExists, OutOfRange. Cancelled means that a signal ended the command. Everything else is a
// failed run.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace edgetp
