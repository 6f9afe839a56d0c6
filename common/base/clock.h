// The one clock of deadlines, spans and stamps: CLOCK_MONOTONIC as absl::Time, with an arbitrary
// epoch. Everything but dates in names and files uses it: a wall clock that is set must not end a
// run. Thread-safe.
#pragma once

#include <time.h>

#include <chrono>

#include "absl/time/time.h"

namespace edgetp {

// One clock for all processes of a host, containers included.
inline absl::Time MonotonicNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return absl::TimeFromTimespec(now);
}

// For wait_until of condition variables: the standard library's steady clock is CLOCK_MONOTONIC.
inline std::chrono::steady_clock::time_point ToSteady(absl::Time monotonic) {
  return std::chrono::steady_clock::time_point(
      std::chrono::nanoseconds(absl::ToUnixNanos(monotonic)));
}

}  // namespace edgetp
