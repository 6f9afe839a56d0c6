// Times all-reduces over a job's CollectiveGroup, as training runs them: `edgetp bench allreduce`.
//
// A round is a barrier and one all-reduce, and its time is that of the slowest rank: from when the
// last rank has entered the all-reduce until the last one has left it. The barrier is not part of
// it. On one clock, the ranks agree there on a moment at which all of them enter, so that nobody's
// bytes are on their way while another still waits at the barrier. Where the ranks share no clock,
// each measures from its own entry, and the longest of these times is the round's: it contains by
// how much the ranks leave the barrier one after another.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/report.pb.h"
#include "worker/collective/collective_group.h"

namespace edgetp {

// One row per size and algorithm ("auto": what the group's own chooser takes), fp32, and the verdict
// over all timed rounds of all ranks. All ranks call it with the same task, and get the same report.
// Where the task gives no iterations, there are as many rounds as bring the 95 % interval of the
// median within 2 % of it, for at most about ten seconds, at least nine.
// Errors: InvalidArgument (a size that is not a positive multiple of 4), those of AllReduce.
absl::StatusOr<v1::BenchReport> BenchAllReduce(const v1::BenchTask& task,
                                               const std::string& network, CollectiveGroup* group);

}  // namespace edgetp
