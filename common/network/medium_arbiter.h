// One half-duplex medium as a queue: who wants to send is granted the first time that is free from
// its handover on. Used by LinkModel, and by the coordinator for the workers of a job; by trunks.h
// for links inside of a topology. Passive and pure: `handover` is an argument. Not thread-safe.
#pragma once

#include <map>

#include "absl/time/time.h"

namespace edgetp {

// Served in the order of handover that is first come, first served. A request that comes late, of a
// rank whose clock is behind the others', takes a gap before what was granted meanwhile, as if it
// had come in time.
class MediumArbiter {
 public:
  // When a sender that asked at `handover` may use the medium for `airtime`; the medium is taken
  // from then on for so long.
  absl::Time Grant(absl::Time handover, absl::Duration airtime);

  // The same where what is sent need not stay together: packets of `airtime` in all take whatever is
  // free from `handover` on, so that nothing is idle while they wait. Returns when the last one is
  // through.
  absl::Time Fill(absl::Time handover, absl::Duration airtime);

  // Somebody else's arbiter has granted [start, start + airtime).
  void Occupy(absl::Time start, absl::Duration airtime);

 private:
  std::map<absl::Time, absl::Time> taken_;       // begin to end; apart from one another
  absl::Time forgotten_ = absl::InfinitePast();  // until then nothing is granted any more
};

}  // namespace edgetp
