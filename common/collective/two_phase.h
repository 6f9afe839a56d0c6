// All-reduce `two_phase`: rank c owns chunk c, adds everybody's part of it in rank order, and sends
// the sum to everybody. The best of the registry where a full mesh is bound by its rate.
//
// Source: reduce-scatter + all-gather by pairwise exchange, without its waiting between steps
// (Thakur, Rabenseifner, Gropp, IJHPCA 2005).
//
// Costs: 2 dependent steps; 2(P-1)/P elements on the wire per rank and element: the minimum.
#pragma once

#include "common/collective/schedule.h"

namespace edgetp {

Schedule BuildTwoPhase(int world_size, int64_t elements, int64_t granule = 1);

}  // namespace edgetp
