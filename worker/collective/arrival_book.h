// When received segments are through this rank's interface. It takes them in the order in which
// their first bits reach it, whoever sent them, as the simulator does; a schedule asks for them in
// an order of its own. Used by ScheduleExecutor; not thread-safe.
#pragma once

#include <deque>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/collective/emulation.h"
#include "worker/transport/segment_transport.h"

namespace edgetp {

class ArrivalBook {
 public:
  // Both must outlive the book.
  ArrivalBook(SegmentTransport* transport, EmulatedNetwork* network)
      : transport_(transport), network_(network), booked_(transport->world_size()) {}

  // From when on Arrival can tell: at the segment's first bit, what others send before it is there.
  absl::Time AskAt(int peer) const;

  // Arrival of the peer's oldest segment, which is stamped.
  // Errors: those of the transport's Poll.
  absl::StatusOr<absl::Time> Arrival(int peer);

  // Forgets the peer's oldest segment, stamped or not, here and in the transport.
  void Pop(int peer);

 private:
  void BookNext();

  SegmentTransport* transport_;
  EmulatedNetwork* network_;
  std::vector<std::deque<absl::Time>> booked_;  // by peer, of its oldest segments
};

}  // namespace edgetp
