// Deadlines of the monotonic clock as gRPC takes them: a wall clock that is set between the making
// of a deadline and the call does not move it. Thread-safe (pure).
#pragma once

#include <grpc/support/time.h>

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace edgetp {

// For ClientContext::set_deadline, Shutdown, AsyncNext and the like.
inline gpr_timespec GrpcDeadline(absl::Time monotonic) {
  return gpr_time_from_nanos(std::max<int64_t>(0, absl::ToUnixNanos(monotonic)),
                             GPR_CLOCK_MONOTONIC);
}

}  // namespace edgetp
