#include "common/network/trace_config.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace edgetp {

int TraceSize(const v1::LinkConfig& link) {
  return std::max(link.trace_ms_size(), link.trace_gap_ms_size());
}

absl::StatusOr<std::vector<uint32_t>> TraceTimes(const v1::LinkConfig& link) {
  if (link.trace_gap_ms().empty())
    return std::vector<uint32_t>(link.trace_ms().begin(), link.trace_ms().end());
  std::vector<uint32_t> times_ms;
  times_ms.reserve(link.trace_gap_ms_size());
  uint64_t ms = 0;
  for (const uint32_t gap : link.trace_gap_ms()) {
    ms += gap;
    if (ms > UINT32_MAX) {
      return absl::InvalidArgumentError(
          absl::StrCat("a trace must end by ", UINT32_MAX, " ms (got ", ms, ")"));
    }
    times_ms.push_back(static_cast<uint32_t>(ms));
  }
  return times_ms;
}

void SetTrace(const std::vector<uint32_t>& times_ms, v1::LinkConfig* link) {
  ClearTrace(link);
  link->mutable_trace_gap_ms()->Reserve(static_cast<int>(times_ms.size()));
  uint32_t before = 0;
  for (const uint32_t ms : times_ms) link->add_trace_gap_ms(ms - std::exchange(before, ms));
}

void ClearTrace(v1::LinkConfig* link) {
  link->clear_trace_ms();
  link->clear_trace_gap_ms();
}

}  // namespace edgetp
