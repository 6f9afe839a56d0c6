// Times all-reduces over a job's CollectiveGroup, as training runs them: `edgetp bench allreduce`.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/report.pb.h"
#include "worker/collective_group.h"

namespace edgetp {

// One row per size and algorithm ("auto": what the group's own chooser takes), fp32. All ranks call
// it with the same task; where it gives no iterations, the ranks agree on a number that takes about
// a second. Errors: InvalidArgument (a size that is not a positive multiple of 4), those of
// AllReduce.
absl::StatusOr<v1::BenchReport> BenchAllReduce(const v1::BenchTask& task,
                                               const std::string& network, CollectiveGroup* group);

}  // namespace edgetp
