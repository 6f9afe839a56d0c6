// All-reduce `direct`: everybody sends its whole part to everybody, and adds all parts in rank
// order. Fastest where delay dominates and the world is small.
//
// Source: the naive all-to-all all-reduce.
//
// Costs: 1 dependent step; (P-1) elements on the wire per rank and element.
#pragma once

#include "common/collective/schedule.h"

namespace edgetp {

Schedule BuildDirect(int world_size, int64_t elements, int64_t granule = 1);

}  // namespace edgetp
