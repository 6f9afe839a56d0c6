// The seam between a schedule's execution and the streams to the peers: ordered, reliable segments
// per pair of ranks, and one Poll that makes all progress on the calling thread. Implemented by
// PeerGroup; wrapped by tests to fail the n-th send. One thread calls everything but Abort.
//
// A segment passes several queues with counters that look alike. None can take another's place,
// because each holds something else, for another time:
//
//   sending    SegmentSender     what a schedule wants to send, and which of the caller's memory is
//                                still read: until the collective's end
//              HoldingTransport  copies, until they are due on the sender's clock: beyond the
//                                collective's end, and between hosts alone
//   receiving  PeerStream        bytes, of a caller whom nobody knows yet, too; its bound is the
//                                stream's flow control
//              PeerGroup         the same segments decoded, so that who waits looks at a header
//              HoldingTransport  the same with their times moved to this host's clock, and so that
//                                the real network goes on while this rank computes: between hosts
//                                alone
//              ArrivalBook       times alone, of segments that stay where they are: when the
//                                emulated interface has them through
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "worker/transport/segment_codec.h"

namespace edgetp {

struct ReceivedProbe {
  ClockProbe probe;
  absl::Time arrived;  // when it was seen, on this rank's clock
};

class SegmentTransport {
 public:
  virtual ~SegmentTransport() = default;

  virtual int rank() const = 0;
  virtual int world_size() const = 0;
  // Time stamps of received segments are on this rank's clock: all ranks share one (one host), or
  // the stamps have been translated (holding_transport.h).
  virtual bool one_clock() const = 0;
  // The same of one peer.
  virtual bool SharesClock(int /*peer*/) const { return one_clock(); }

  // True if Send to `peer` is allowed now: the write before it was accepted, and few enough
  // segments are unreleased.
  virtual bool CanSend(int peer) const = 0;

  // Starts a write. `payload` must stay as it is until Released(peer) reaches the number of sends
  // so far.
  // Errors: the first failure of any peer, or the status of Abort.
  virtual absl::Status Send(int peer, const SegmentHeader& header,
                            absl::Span<const std::byte> payload) = 0;

  // Sends to `peer` whose payload is no longer read. Sends are released in their order.
  virtual uint64_t Released(int peer) const = 0;

  // The oldest received segment of `peer`, or null. Valid until Pop.
  virtual const ReceivedSegment* Front(int peer) const = 0;
  // Those behind it, as far as they are there; index 0 is Front.
  virtual const ReceivedSegment* Queued(int peer, size_t index) const {
    return index == 0 ? Front(peer) : nullptr;
  }
  virtual void Pop(int peer) = 0;

  // For the clocks of ranks that share none (host_clocks.h). Sending requires CanSend(peer); what a
  // peer sends and nobody takes is forgotten.
  virtual absl::Status SendProbe(int /*peer*/, const ClockProbe& /*probe*/) {
    return absl::OkStatus();
  }
  virtual std::optional<ReceivedProbe> TakeProbe(int /*peer*/) { return std::nullopt; }

  // Makes progress.
  // Blocks until: something happened, or `until` (monotonic; in the past: never blocks;
  // InfinitePast: takes all that is there).
  // Errors: Unavailable naming a peer that is gone, InvalidArgument naming one that sends garbage,
  // the status of Abort.
  virtual absl::Status Poll(absl::Time until) = 0;

  // True if the stream of `peer` has ended in order: nothing more will come from it.
  virtual bool Closed(int peer) const = 0;

  // From any thread: ends the group; this and every later call returns `status`.
  virtual void Abort(const absl::Status& status) = 0;
};

}  // namespace edgetp
