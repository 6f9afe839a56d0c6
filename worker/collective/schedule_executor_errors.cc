// What ScheduleExecutor says when something fails: attempt, outcome and facts.
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "worker/collective/schedule_executor.h"
#include "worker/transport/blame.h"

namespace edgetp {

absl::Status ScheduleExecutor::CheckExpected(const Action& action, const SegmentRange& want,
                                             const ReceivedSegment& got) const {
  const SegmentHeader& header = got.header;
  const bool expected = header.collective == execution_.collective &&
                        header.chunk == static_cast<uint32_t>(action.chunk) &&
                        header.offset_bytes == static_cast<uint64_t>(want.offset_bytes) &&
                        header.wire_dtype == execution_.wire.wire_id() &&
                        got.payload_bytes == want.size_bytes;
  if (expected) return absl::OkStatus();
  const auto name = [](uint64_t collective, int64_t chunk, int64_t offset, uint32_t dtype,
                       int64_t bytes) {
    return absl::StrCat("collective=", collective, " chunk=", chunk, " offset=", offset,
                        " dtype=", dtype, " bytes=", bytes);
  };
  return absl::DataLossError(
      absl::StrCat(execution_.name, " recv: not the segment that the schedule expects ",
                   Where(action), " want {",
                   name(execution_.collective, action.chunk, want.offset_bytes,
                        execution_.wire.wire_id(), want.size_bytes),
                   "} got {",
                   name(header.collective, header.chunk, header.offset_bytes, header.wire_dtype,
                        got.payload_bytes),
                   "}"));
}

absl::Status ScheduleExecutor::PastReceive(const Action& action, absl::Time since) const {
  const bool cut = execution_.emulated && !network_->Connected(action.peer);
  return PastDeadline("recv", action, since, cut);
}

absl::Status ScheduleExecutor::PastDeadline(const char* direction, const Action& action,
                                            absl::Time since, bool cut) const {
  const absl::Status late = absl::DeadlineExceededError(absl::StrCat(
      execution_.name, " ", direction, cut ? ": link is partitioned" : ": deadline exceeded",
      " (rank=", transport_->rank(), " peer=", action.peer, " step=", execution_.step, " chunk=",
      action.chunk, " waited_ms=", absl::ToInt64Milliseconds(MonotonicNow() - since), ")"));
  return action.peer < 0 ? late : Blaming(action.peer, late);  // without a peer: any of them
}

std::string ScheduleExecutor::Attempt(const char* direction, const Action& action) const {
  return absl::StrCat(execution_.name, " ", direction, " ", Where(action));
}

std::string ScheduleExecutor::Where(const Action& action) const {
  return absl::StrCat("(rank=", transport_->rank(), " peer=", action.peer,
                      " step=", execution_.step, " chunk=", action.chunk, ")");
}

}  // namespace edgetp
