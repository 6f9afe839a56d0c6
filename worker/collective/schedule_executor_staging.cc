// The part of ScheduleExecutor that goes segment by segment: a segment is brought from an accelerator
// and encoded while those before it travel, and is rounded and goes back while those after it do.
// What bears emulated times is handled as a whole, because its sender hands over a whole message; so
// is what a format cannot cut anywhere, and what residuals belong to.
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "worker/collective/schedule_executor.h"

namespace edgetp {
namespace {

bool Writes(const Action& action) { return action.kind != ActionKind::kSend; }

}  // namespace

absl::Status ScheduleExecutor::RunStaged() {
  const std::vector<Action>& actions = execution_.schedule->actions[transport_->rank()];
  const auto elements = static_cast<int64_t>(data_.size());
  fetched_ = 0;
  const bool has_work = execution_.staging != nullptr || !execution_.wire.identity();
  by_segments_ =
      has_work && execution_.wire.elementwise() && execution_.residual.empty() && !Stamps();
  if (!by_segments_) {
    RETURN_IF_ERROR(Fetch(elements));
    if (execution_.staging != nullptr) latest_entry_ = clock_->Now();
    RETURN_IF_ERROR(RunActions());
    return GiveBack(0, elements);
  }
  last_write_.assign(chunks_.size(), actions.size());
  for (size_t i = 0; i < actions.size(); ++i) {
    if (Writes(actions[i])) last_write_[actions[i].chunk] = i;
  }
  RETURN_IF_ERROR(RunActions());
  for (size_t chunk = 0; chunk < chunks_.size(); ++chunk)
    RETURN_IF_ERROR(GiveBackChunk(static_cast<int>(chunk)));
  return absl::OkStatus();
}

bool ScheduleExecutor::Finishes(size_t index) const {
  return by_segments_ && last_write_[ActionAt(index).chunk] == index;
}

absl::Status ScheduleExecutor::Fetch(int64_t end) {
  if (execution_.staging == nullptr || end <= fetched_) return absl::OkStatus();
  const absl::Time begin = MonotonicNow();
  RETURN_IF_ERROR(execution_.staging->Fetch(end));
  // A device's clock has been charged what it takes there.
  if (!clock_->paced()) report_->staged += MonotonicNow() - begin;
  if (brought() != nullptr)
    execution_.wire.Decode(EncodedAt(fetched_), data_.subspan(fetched_, end - fetched_));
  fetched_ = end;
  return absl::OkStatus();
}

absl::Status ScheduleExecutor::GiveBack(int64_t begin, int64_t end) {
  if (execution_.staging == nullptr || begin == end) return absl::OkStatus();
  RETURN_IF_ERROR(Fetch(end));
  if (brought() != nullptr) {
    std::byte* const out = EncodedAt(begin);
    RETURN_IF_ERROR(WaitReleased(Action(), {out, static_cast<size_t>(EncodedAt(end) - out)}));
    execution_.wire.Encode(data_.subspan(begin, end - begin), out);
  }
  return execution_.staging->GiveBack(begin, end);
}

absl::Status ScheduleExecutor::GiveBackChunk(int chunk) {
  if (chunks_[chunk].returned) return absl::OkStatus();
  RETURN_IF_ERROR(GiveBack(Range(chunk).begin, Range(chunk).end));
  MarkReturned(chunk);
  return absl::OkStatus();
}

// The result is rounded. Nothing may write to memory that a copy reads, so it is not encoded again.
void ScheduleExecutor::MarkReturned(int index) {
  Chunk& chunk = chunks_[index];
  chunk.rounded = chunk.returned = true;
  chunk.encoded = chunk.encoded || brought() != nullptr;
}

}  // namespace edgetp
