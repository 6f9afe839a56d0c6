// The part of a full tensor that a rank owns, as a view. Which part that is says
// common/plan/parameters.h.
#pragma once

#include "common/plan/parameters.h"
#include "worker/model/torch.h"

namespace edgetp {

// Shapes: (spec.full_shape) -> as LocalShape, but for kQkv, whose last axis is split in (3, H/P, D).
torch::Tensor ShardView(const torch::Tensor& full, const ParameterSpec& spec, const Shard& shard);

}  // namespace edgetp
