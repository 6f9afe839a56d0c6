// Sleeping to a point on the monotonic clock. Thread-safe.
#pragma once

#include "absl/time/time.h"
#include "common/base/clock.h"

namespace edgetp {

// Sleeps to an absolute point of MonotonicNow; how precisely is the thread's timer slack
// (worker/job/process_setup.h).
void SleepUntil(absl::Time time);

}  // namespace edgetp
