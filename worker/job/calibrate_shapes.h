// Training steps of models of several shapes, measured: what the cost model is fitted to. A single
// shape cannot tell what matrix products cost from what everything else does.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/simulate/fit_costs.h"
#include "edgetp/v1/config.pb.h"
#include "worker/collective/collective_group.h"

namespace edgetp {

struct MeasuredShape {
  std::string name;
  double compute_seconds = 0;  // of a typical step of this rank
  MeasuredStep segments;
  std::vector<MeasuredMessages> messages;  // of each step
};

// The model of `config` first, then small ones that are long, wide, narrow, and so on; the last one
// runs on rank 0 alone. Every rank calls it; a rank that has no part in a shape leaves it out.
// Blocks until: all is measured, some seconds where the model of `config` is small.
// Errors: those of trainer and group.
absl::StatusOr<std::vector<MeasuredShape>> MeasureShapes(const v1::RunConfig& config,
                                                         const std::string& device,
                                                         CollectiveGroup* group);

}  // namespace edgetp
