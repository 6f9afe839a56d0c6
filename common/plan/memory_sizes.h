// A rank's share of a model in bytes: what its memory follows from (memory.h). Used by the step
// plan and by plans of other strategies. Pure.
#pragma once

#include <vector>

#include "common/plan/memory.h"
#include "common/plan/parameters.h"
#include "common/plan/place.h"
#include "common/plan/step_plan.h"

namespace edgetp {

// Of a rank that has `parameters`, with the activations of one micro-batch. options.shape and
// pattern are those of the place.
MemorySizes SizesOf(const PlanOptions& options, const std::vector<ParameterSpec>& parameters,
                    const Shard& shard, const Place& place = {});

// What error feedback keeps: as many float32 as a step's messages of its classes have, where
// encoding loses anything.
double ResidualBytes(const PlanOptions& options, const std::vector<PlanStep>& steps);

}  // namespace edgetp
