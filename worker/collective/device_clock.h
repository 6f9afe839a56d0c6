// The clock that a rank goes by inside a step: the host's, or, under a device profile, one that
// advances by what the device takes for compute, messages and staging, and by what the network
// delivers. The host waits for it at the end of each compute segment; what is sent bears its times.
// So neither a late wake-up nor the host's own software adds up, as long as the host catches up
// before the next time at which the rank itself waits for others. What it does not catch up is
// counted, and moves the clock. One thread.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "worker/collective/link_clock.h"

namespace edgetp {

// Time that the host needed beyond the device's: because it got its data late, or by itself.
struct HostLag {
  absl::Duration late;
  absl::Duration overrun;
};

class DeviceClock : public LinkClock {
 public:
  using LinkClock::LinkClock;

  // Begins a step whose compute segments take `segments` on the device. Empty, or without a device:
  // the step goes by the host's clock. Returns when it began, on the host's clock: where a paced
  // step has just ended, that is when it ended, so that bookkeeping between steps hides in the
  // first segment. Not so after Interrupt.
  absl::Time BeginStep(std::vector<absl::Duration> segments);

  // The next compute segment begins now.
  void BeginSegment();
  // Blocks until: the device is done with the segment.
  HostLag EndSegment();
  // The same where the rank goes on, since what it has started runs beside it, or since what it
  // waits for may be over: a host that is behind has until the next EndSegment to catch up.
  void PassSegment();

  // Returns when the step ended, on the host's clock.
  absl::Time EndStep();
  // Between two steps there is more than bookkeeping: the next one begins when it begins.
  void Interrupt() { paced_end_.reset(); }

 private:
  // The host waits for the end of the segment. Returns by how much it is behind.
  absl::Duration AwaitDevice();

  std::vector<absl::Duration> segments_;
  size_t next_segment_ = 0;
  absl::Duration behind_;                // of the host, when the segment began, but for the overrun
  absl::Duration overrun_;               // of the segments that were passed
  std::optional<absl::Time> paced_end_;  // of the step before, on the host's clock
};

}  // namespace edgetp
