// The clock that a rank goes by inside a step: the host's, or, under a device profile, one that
// advances by what the device takes for compute, messages and staging, and by what the network
// delivers. The host waits for it at the end of each compute segment; what is sent bears its times.
// So neither a late wake-up nor the host's own software adds up, as long as the host catches up
// within a segment. What it does not catch up is counted, and moves the clock. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/simulate/compute_cost.h"
#include "worker/transport/peer_clock.h"

namespace edgetp {

// Time that the host needed beyond the device's: because it got its data late, or by itself.
struct HostLag {
  absl::Duration late;
  absl::Duration overrun;
};

class DeviceClock {
 public:
  // Without a device: always the host's.
  explicit DeviceClock(std::optional<DeviceOptions> device) : device_(std::move(device)) {}

  bool paced() const { return paced_; }
  absl::Time Now() const { return paced_ ? now_ : MonotonicNow(); }
  // For who has just read the host's clock.
  absl::Time NowOr(absl::Time host) const { return paced_ ? now_ : host; }

  // Begins a step whose compute segments take `segments` on the device. Empty, or without a device:
  // the step goes by the host's clock. Returns when it began, on the host's clock: where a paced
  // step has just ended, that is when it ended, so that bookkeeping between steps hides in the
  // first segment. Not so after Interrupt.
  absl::Time BeginStep(std::vector<absl::Duration> segments);

  // The next compute segment begins now.
  void BeginSegment();
  // Blocks until: the device is done with the segment.
  HostLag EndSegment();

  // Returns when the step ended, on the host's clock.
  absl::Time EndStep();
  // Between two steps there is more than bookkeeping: the next one begins when it begins.
  void Interrupt() { paced_end_.reset(); }

  // What follows does nothing where the host's clock counts.
  // Software cost of a message at its sender, over a link of that rate (0: unlimited), and at its
  // receiver.
  void SpendSending(int64_t bytes, double link_bits_per_second);
  void SpendReceiving();
  // Encoding or decoding of that many elements.
  void SpendCodec(const WireFormat& wire, int64_t elements);
  void Reach(absl::Time time);  // not earlier than this
  // Of float32 elements, between accelerator and network buffers, one way. Returns how long.
  absl::Duration SpendStaging(int64_t elements);
  // A rotation before or after a collective.
  void SpendRotation(const WireFormat& wire, int64_t elements);

 private:
  std::optional<DeviceOptions> device_;
  bool paced_ = false;
  absl::Time now_;
  std::vector<absl::Duration> segments_;
  size_t next_segment_ = 0;
  absl::Duration behind_;                // of the host, when the segment began
  std::optional<absl::Time> paced_end_;  // of the step before, on the host's clock
};

}  // namespace edgetp
