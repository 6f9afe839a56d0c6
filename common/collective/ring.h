// All-reduce `ring`: P chunks travel round a ring, once to be summed and once to be handed out.
//
// Source: Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
// workstations", JPDC 2009.
//
// Costs: 2(P-1) dependent steps; 2(P-1)/P elements on the wire per rank and element, all to one
// neighbour.
#pragma once

#include "common/collective/schedule.h"

namespace edgetp {

Schedule BuildRing(int world_size, int64_t elements, int64_t granule = 1);

}  // namespace edgetp
