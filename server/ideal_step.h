// How fast the devices of a run could be at best. Pure.
#pragma once

#include <optional>
#include <vector>

#include "edgetp/v1/config.pb.h"

namespace edgetp {

// Seconds of a step whose MFU is 1: the model's operations (common/plan/model_flops.h), on all
// devices of the run together at what their profiles call flops_per_second. Without a profile,
// at `measured`, by rank: what each worker's fp32 matrix products reach at its start (0: not known).
// Nothing where one of them is not known, or products are in another precision.
std::optional<double> IdealStepSeconds(const v1::RunConfig& config,
                                       const std::vector<double>& measured);

}  // namespace edgetp
