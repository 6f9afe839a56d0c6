#include "worker/collective/segment_sender.h"

#include <algorithm>

#include "common/base/status_macros.h"

namespace edgetp {

SegmentSender::SegmentSender(SegmentTransport* transport)
    : transport_(transport), queues_(transport->world_size()) {}

void SegmentSender::Enqueue(int peer, const SegmentHeader& header,
                            absl::Span<const std::byte> payload) {
  queues_[peer].entries.push_back({header, payload});
  ++pending_;
}

absl::Status SegmentSender::Pump() {
  for (size_t peer = 0; peer < queues_.size() && pending_ > 0; ++peer) {
    Queue& queue = queues_[peer];
    while (queue.started < queue.entries.size() && transport_->CanSend(static_cast<int>(peer))) {
      const Entry& next = queue.entries[queue.started];
      RETURN_IF_ERROR(transport_->Send(static_cast<int>(peer), next.header, next.payload));
      ++queue.started;
    }
    while (queue.started > 0 && transport_->Released(static_cast<int>(peer)) > queue.released) {
      queue.entries.pop_front();
      --queue.started;
      ++queue.released;
      --pending_;
    }
  }
  return absl::OkStatus();
}

bool SegmentSender::References(absl::Span<const std::byte> memory) const {
  if (pending_ == 0) return false;
  const std::byte* const end = memory.data() + memory.size();
  const auto overlaps = [&](const Entry& entry) {
    return entry.payload.data() < end &&
           memory.data() < entry.payload.data() + entry.payload.size();
  };
  return std::any_of(queues_.begin(), queues_.end(), [&](const Queue& queue) {
    return std::any_of(queue.entries.begin(), queue.entries.end(), overlaps);
  });
}

}  // namespace edgetp
