// All-reduces `ring` and `ring_sliced`: P chunks travel round a ring, once to be summed and once to
// be handed out. `ring` passes a chunk on when all of it is there. `ring_sliced` cuts each chunk into
// m slices, and passes a slice on as soon as it is there, as NCCL does.
//
// Source: Patarasuk and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
// workstations", JPDC 2009; slices: NCCL, src/device/all_reduce.h (runRing).
//
// Costs of both: 2(P-1) dependent steps; 2(P-1)/P elements on the wire per rank and element, all to
// one neighbour, in 2(P-1) messages, or 2(P-1) m. They sum in the same order: same bits.
//
// Time on links of delay d, w for a slice on the wire:
//   ring         2(P-1) (d + m w)
//   ring_sliced  (2(P-1) - 1) max(m w, w + d) + m w + d
#pragma once

#include "common/collective/schedule.h"

namespace edgetp {

Schedule BuildRing(int world_size, int64_t elements, int64_t granule = 1);

// A slice has at most `slice_elements`, and at least a granule, but for an all-reduce of more than
// 4 million messages, whose slices are larger. The slices of a chunk differ by at most a granule.
Schedule BuildRingSliced(int world_size, int64_t elements, int64_t granule, int64_t slice_elements);

}  // namespace edgetp
