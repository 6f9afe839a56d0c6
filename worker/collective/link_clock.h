// The clock of what a rank exchanges: the host's, or, under a device profile, one that advances by
// what the device takes for messages and staging, and by what the network delivers. A collective
// goes by it from the device's time at which it starts, or, where another one is still under way
// then, from that one's end; so it is right even while the rank's compute is padded. What is sent
// bears its times. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "common/simulate/compute_cost.h"
#include "worker/transport/peer_clock.h"

namespace edgetp {

class LinkClock {
 public:
  // Without a device: always the host's.
  explicit LinkClock(std::optional<DeviceOptions> device) : device_(std::move(device)) {}

  bool paced() const { return paced_; }
  absl::Time Now() const { return paced_ ? now_ : MonotonicNow(); }
  // For who has just read the host's clock.
  absl::Time NowOr(absl::Time host) const { return paced_ ? now_ : host; }

  // A collective begins that has started then, on the clock of the rank, which is `paced` or the
  // host's. Returns when it begins: not before the end of the last one.
  absl::Time Begin(bool paced, absl::Time started);
  // It is over; returns when.
  absl::Time End() { return now_ = Now(); }

  // What follows does nothing where the host's clock counts.
  // Software cost of a message at its sender, over a link of that rate (0: unlimited), and at its
  // receiver.
  void SpendSending(int64_t bytes, double link_bits_per_second);
  void SpendReceiving();
  // Encoding or decoding of that many elements; a rotation before or after a collective.
  void SpendCodec(const WireFormat& wire, int64_t elements);
  void SpendRotation(const WireFormat& wire, int64_t elements);
  void Reach(absl::Time time);  // not earlier than this
  // Between accelerator and network buffers, one way. Returns how long.
  absl::Duration SpendStaging(int64_t bytes);
  // What so much overlap costs. Returns how long.
  absl::Duration SpendOverlap(absl::Duration overlap);

 protected:
  std::optional<DeviceOptions> device_;
  bool paced_ = false;
  absl::Time now_ = absl::InfinitePast();
};

}  // namespace edgetp
