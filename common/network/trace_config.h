// The trace of a link as a config has it: the times themselves, or, far shorter, the time from each
// to the next. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// How many times it has; 0 without a trace.
int TraceSize(const v1::LinkConfig& link);

// Its times in milliseconds, rising.
// Errors: InvalidArgument if they leave 32 bits.
absl::StatusOr<std::vector<uint32_t>> TraceTimes(const v1::LinkConfig& link);

// Puts rising times into the short form.
void SetTrace(const std::vector<uint32_t>& times_ms, v1::LinkConfig* link);
void ClearTrace(v1::LinkConfig* link);

}  // namespace edgetp
