// Trunks: the links inside of a topology that several pairs of ranks share. Each direction is one
// queue for the packets of all that pass it, first come, first served; it is never idle while any of
// them waits. Used by LinkModel, and by the coordinator
// for the workers of a job. Passive and pure: times are arguments. Not thread-safe.
#pragma once

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/network/medium_arbiter.h"

namespace edgetp {

// A piece of a message on one trunk of its way.
struct TrunkPassage {
  int trunk = 0;
  absl::Duration offset;   // from its sender to the trunk, had it not waited before
  absl::Duration airtime;  // for which it occupies the trunk
};

class Trunks {
 public:
  // How long a piece waits, on all the trunks of its way together. Its first bit leaves at `start`
  // and its last one `span` later, which is at least any of its airtimes: who sends more slowly than
  // a trunk leaves room for others, and is held up only by what its last bit waits for.
  absl::Duration Pass(absl::Time start, absl::Duration span,
                      absl::Span<const TrunkPassage> passages) {
    absl::Duration waited;
    for (const TrunkPassage& passage : passages) {
      const absl::Time there = start + passage.offset + waited;
      const absl::Time through = queues_[passage.trunk].Fill(there, passage.airtime);
      waited += std::max(absl::ZeroDuration(), through - there - span);
    }
    return waited;
  }

  // As if nothing had ever passed.
  void Clear() { queues_.clear(); }

 private:
  absl::flat_hash_map<int, MediumArbiter> queues_;
};

}  // namespace edgetp
