// One half-duplex medium as a queue: who wants to send is granted a start, first come, first
// served. Used by LinkModel, and by the coordinator for the workers of a job. Passive and pure:
// `handover` is an argument. Not thread-safe.
#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace edgetp {

class MediumArbiter {
 public:
  // When a sender that asked at `handover` may use the medium for `airtime`; the medium is taken
  // until then.
  absl::Time Grant(absl::Time handover, absl::Duration airtime) {
    const absl::Time start = std::max(handover, free_);
    free_ = start + airtime;
    return start;
  }

  // Somebody else's arbiter has granted [start, start + airtime).
  void Occupy(absl::Time start, absl::Duration airtime) {
    free_ = std::max(free_, start + airtime);
  }

 private:
  absl::Time free_ = absl::InfinitePast();
};

}  // namespace edgetp
