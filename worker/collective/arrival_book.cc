#include "worker/collective/arrival_book.h"

#include "common/base/status_macros.h"

namespace edgetp {

absl::Time ArrivalBook::AskAt(int peer) const {
  const bool alone = transport_->world_size() == 2;
  if (alone || !booked_[peer].empty()) return absl::InfinitePast();
  return absl::FromUnixNanos(transport_->Front(peer)->header.times.first_bit_ns);
}

absl::StatusOr<absl::Time> ArrivalBook::Arrival(int peer) {
  if (booked_[peer].empty()) RETURN_IF_ERROR(transport_->Poll(absl::InfinitePast()));
  while (booked_[peer].empty()) BookNext();
  return booked_[peer].front();
}

void ArrivalBook::Pop(int peer) {
  transport_->Pop(peer);
  if (!booked_[peer].empty()) booked_[peer].pop_front();
}

// Of all that is there; of equal ones that of the lowest rank, as in the simulator. What has no
// stamps needs no interface.
void ArrivalBook::BookNext() {
  int next = -1;
  int64_t first_bit_ns = 0;
  for (int peer = 0; peer < transport_->world_size(); ++peer) {
    if (peer == transport_->rank()) continue;
    const ReceivedSegment* segment = transport_->Queued(peer, booked_[peer].size());
    if (segment == nullptr) continue;
    if (next >= 0 && segment->header.times.first_bit_ns >= first_bit_ns) continue;
    next = peer;
    first_bit_ns = segment->header.times.first_bit_ns;
  }
  const SegmentTimes& times = transport_->Queued(next, booked_[next].size())->header.times;
  booked_[next].push_back(times.last_bit_ns == 0 ? absl::InfinitePast()
                                                 : network_->Arrive(next, times));
}

}  // namespace edgetp
