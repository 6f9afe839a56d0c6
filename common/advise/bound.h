// What no run can beat: lower bounds of a step's time from its compute and from what its collectives
// must move, without simulating anything; and the network without its random delays, on which a
// simulation is a tighter one. `edgetp advise` leaves out by them what cannot be among the best. Pure.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "common/network/link_options.h"
#include "common/plan/step_plan.h"
#include "common/simulate/compute_cost.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// The median of a few steps may lie a little below the long run: ranks do not end every step alike.
// A bound of a simulated time is a floor times this.
inline constexpr double kBoundSlack = 0.999;

// From the last rank's entry until the last rank has left, whichever algorithm it takes:
//   direct    (P-1) S / rate + delay
//   others    max(2 (P-1)/P S / rate + delay, (P-1)/P S / rate + 2 delay)
// S: bytes in the wire format. Of links and interfaces the fastest count, of jitter the least. A
// trace counts as unlimited.
absl::Duration AllReduceFloor(const NetworkOptions& network, int world_size,
                              const CollectiveStep& step);

// Of a step in the long run, mean over ranks. The largest of
//   a rank's own compute;
//   what a rank sends: of what it sums, each element at least once;
//   on a shared medium, what all ranks send;
//   where all ranks sum the same, all of them: the sums one after another, as the links do them; and
//     those that ranks wait for, with between them the compute of the rank that has least of it.
// `compute`: of BuildComputeTable.
absl::Duration StepFloor(const StepPlan& plan, const ComputeTable& compute,
                         const NetworkOptions& network);

// The profile with the least delay that each message can meet, and no loss: no step over `network`
// is faster than over it. Absent where it would be `network` itself, or where links differ or follow
// a trace.
std::optional<v1::NetworkProfile> CalmNetwork(const v1::NetworkProfile& network);

}  // namespace edgetp
