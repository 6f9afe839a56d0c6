// The monotonic clock as absl::Time (its epoch is the host's boot), and sleeping to a point on it.
// Thread-safe.
#pragma once

#include "absl/time/time.h"

namespace edgetp {

// CLOCK_MONOTONIC: one clock for all processes of a host, containers included.
absl::Time MonotonicNow();

// Sleeps to an absolute point of MonotonicNow; how precisely is the thread's timer slack
// (process_setup.h).
void SleepUntil(absl::Time time);

}  // namespace edgetp
