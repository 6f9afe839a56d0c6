// Outgoing segments of one rank: a queue per peer, written as fast as the transport takes them, and
// the knowledge which memory gRPC may still read. Used by schedule_executor. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "worker/transport/segment_transport.h"

namespace edgetp {

class SegmentSender {
 public:
  // `transport` must outlive the sender and have no other one that sends.
  explicit SegmentSender(SegmentTransport* transport);

  // `payload` must stay as it is while References() covers it.
  void Enqueue(int peer, const SegmentHeader& header, absl::Span<const std::byte> payload);

  // Starts every write that is allowed now, and forgets what was released. Never blocks.
  absl::Status Pump();

  // True if a byte of `memory` may still be read by a send.
  bool References(absl::Span<const std::byte> memory) const;

  bool idle() const { return pending_ == 0; }

 private:
  struct Entry {
    SegmentHeader header;
    absl::Span<const std::byte> payload;
  };
  struct Queue {
    std::deque<Entry> entries;  // unreleased, oldest first
    size_t started = 0;         // of entries, from the front: written
    uint64_t released = 0;      // sends of the transport that have left `entries`
  };

  SegmentTransport* transport_;
  std::vector<Queue> queues_;  // by peer
  size_t pending_ = 0;
};

}  // namespace edgetp
