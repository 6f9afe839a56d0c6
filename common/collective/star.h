// All-reduce `star`: everybody sends its part to rank 0, which adds them in rank order and sends
// the sum to everybody. What a hub-and-spoke product does.
//
// Source: the parameter-server pattern.
//
// Costs: 2 dependent steps; the hub puts (P-1) elements on the wire per element, everybody else 1.
#pragma once

#include "common/collective/schedule.h"

namespace edgetp {

Schedule BuildStar(int world_size, int64_t elements, int64_t granule = 1);

}  // namespace edgetp
