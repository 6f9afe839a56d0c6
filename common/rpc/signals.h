// SIGINT and SIGTERM as a file descriptor that becomes readable: the handler does nothing but write
// to an eventfd. The signal mask stays untouched, so child processes inherit nothing. One per
// process.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace edgetp {

// Catches SIGINT and SIGTERM from now on. A second one of the same kind ends the process at once,
// as without us. Ignores SIGPIPE. Call from main, once.
absl::Status CatchShutdownSignals();

// The signal that arrived first (SIGINT or SIGTERM), or 0. Safe from any thread.
int ShutdownSignal();

// Readable from the first signal on; for poll(). Do not read from it. -1 before
// CatchShutdownSignals.
int ShutdownFd();

// Blocks until: a signal has arrived (returns it), or `timeout` (returns 0).
int WaitForShutdownSignal(absl::Duration timeout);

}  // namespace edgetp
