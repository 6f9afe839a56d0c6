// All-reduce `halving_doubling`: halve the vector with ever nearer partners, then double it back.
// Where P is not a power of two, the first P - Q pairs of ranks fold into one each before, and
// unfold after (Q: the largest power of two <= P).
//
// Source: Rabenseifner, "Optimization of collective reduction operations", ICCS 2004.
//
// Costs: 2 log2 Q dependent steps, two more if P > Q; 2(Q-1)/Q elements on the wire per rank and
// element, one more if P > Q.
#pragma once

#include "common/collective/schedule.h"

namespace edgetp {

Schedule BuildHalvingDoubling(int world_size, int64_t elements, int64_t granule = 1);

}  // namespace edgetp
