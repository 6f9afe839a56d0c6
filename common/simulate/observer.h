// Who looks at a simulated step while it happens: traces, and tests that check causality. Times are
// those of the virtual clock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "common/network/attribution.h"
#include "common/plan/step_plan.h"

namespace edgetp {

// One chunk on its way from rank to rank; its segments follow one another without a gap.
struct MessageSpan {
  int source = 0;
  int destination = 0;
  uint64_t number = 0;  // on its link; the key of jitter and loss. Not counted where neither is
  int64_t bytes = 0;
  absl::Time handover;
  absl::Time egress_start;
  absl::Time egress_end;
  absl::Time first_bit;  // at the receiver's interface
  absl::Time last_bit;
};

class TimelineObserver {
 public:
  virtual ~TimelineObserver() = default;

  // Compute segment `segment` of the rank (compute_cost.h).
  virtual void OnCompute(int rank, absl::Time begin, absl::Time end, size_t segment) = 0;
  virtual void OnCollective(int rank, absl::Time begin, absl::Time end,
                            const CollectiveStep& collective) = 0;
  // Within a collective: nothing to do but wait. The terms add up to end - begin.
  virtual void OnWait(int rank, absl::Time begin, absl::Time end, const TimeBreakdown& terms) = 0;
  // As soon as it is handed over.
  virtual void OnMessage(const MessageSpan& message) = 0;
  // The receiver has all of the oldest message of a link that it had not received yet.
  virtual void OnReceive(int source, int destination, absl::Time at) = 0;
};

}  // namespace edgetp
