// SIGINT, SIGTERM, SIGHUP and SIGQUIT as a file descriptor that becomes readable: the handler does
// nothing but write to an eventfd. The signal mask stays untouched, so child processes inherit
// nothing. One per process.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace edgetp {

// Catches them from now on; not SIGHUP under nohup. A second one of the same kind ends the process
// at once, as without us. Ignores SIGPIPE. Call from main, once.
absl::Status CatchShutdownSignals();

// For a forked child: what was caught ends it again, what was ignored stays so. Async-signal-safe.
void RestoreDefaultSignals();

// Opens stdin, stdout and stderr where the caller has closed them, so that no socket gets their
// numbers and our output. What is then written to stdout fails, as on a full disk. Call from main,
// first.
void KeepStandardStreams();

// The signal that arrived first, or 0. Safe from any thread.
int ShutdownSignal();

// Readable from the first signal on; for poll(). Do not read from it. -1 before
// CatchShutdownSignals.
int ShutdownFd();

// Blocks until: a signal has arrived (returns it), or `timeout` (returns 0).
int WaitForShutdownSignal(absl::Duration timeout);

}  // namespace edgetp
