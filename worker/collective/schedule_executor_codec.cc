// The part of ScheduleExecutor that knows what travels: a chunk's current value in its wire format.
#include "common/base/status_macros.h"
#include "worker/collective/schedule_executor.h"

namespace edgetp {

Segmentation ScheduleExecutor::SegmentsOf(int chunk) const {
  return Segmentation(execution_.wire, Range(chunk).size(), segment_bytes_);
}

// Chunks begin at granules: what is before one is in whole granules, too.
std::byte* ScheduleExecutor::EncodedAt(int64_t element) {
  std::byte* const brings = brought();
  return (brings != nullptr ? brings : encoded_.data()) + execution_.wire.WireBytes(element);
}

absl::Span<const std::byte> ScheduleExecutor::WirePayload(int chunk) {
  const WireFormat& wire = execution_.wire;
  const ChunkRange& range = Range(chunk);
  const auto bytes = static_cast<size_t>(wire.WireBytes(range.size()));
  if (wire.identity()) return {reinterpret_cast<const std::byte*>(Sum(chunk)), bytes};
  return {EncodedAt(range.begin), bytes};
}

// For what the action's chunk is encoded into.
absl::Status ScheduleExecutor::MakeRoom(const Action& action) {
  const WireFormat& wire = execution_.wire;
  const auto all_bytes = static_cast<size_t>(wire.WireBytes(static_cast<int64_t>(data_.size())));
  if (brought() == nullptr && encoded_.size() < all_bytes) {
    RETURN_IF_ERROR(WaitReleased(action, {}));  // growing moves the buffer
    encoded_.resize(all_bytes);
  }
  return WaitReleased(action, WirePayload(action.chunk));
}

// A lossy value is kept as it was sent: whoever adds or keeps it has the same bits as the receiver.
void ScheduleExecutor::Encode(int chunk, int64_t begin, int64_t elements) {
  if (brought() != nullptr && chunks_[chunk].state == ChunkState::kOwn) return;  // it came so
  const WireFormat& wire = execution_.wire;
  std::byte* const out = EncodedAt(Range(chunk).begin + begin);
  const absl::Span<float> values(Sum(chunk) + begin, elements);
  const absl::Span<float> residual = Residual(chunk);  // of a whole chunk alone
  wire.Encode(values, out);
  for (size_t i = 0; i < residual.size(); ++i) residual[i] += values[i];
  wire.Decode(out, values);
  for (size_t i = 0; i < residual.size(); ++i) residual[i] -= values[i];
}

absl::Span<float> ScheduleExecutor::Residual(int chunk) {
  if (execution_.residual.empty()) return {};
  return execution_.residual.subspan(Range(chunk).begin, Range(chunk).size());
}

}  // namespace edgetp
