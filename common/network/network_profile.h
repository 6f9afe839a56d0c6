// From a user's NetworkProfile to the NetworkOptions of a run's ranks. The semantic rules of a
// profile (signs, ranges, rising quantiles) are common/config/validate's; here only what depends on
// the world size is checked. Pure.
#pragma once

#include "absl/status/statusor.h"
#include "common/network/link_options.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// For each pair of ranks, overrides apply in order: an absent source or destination means any rank,
// present fields replace those of the link so far, a later override wins. Ranks in no partition
// group form a group of the rest. Errors: InvalidArgument naming the field of a rank outside
// 0..world_size-1, or of a rank in two groups.
absl::StatusOr<NetworkOptions> ResolveNetwork(const v1::NetworkProfile& profile, int world_size);

// The link of one pair: the present fields of `overriding` replace those of `base`; quantiles as a
// whole, and a rate or a trace whichever of the two there was.
v1::LinkConfig MergeLinks(const v1::LinkConfig& base, const v1::LinkConfig& overriding);

// Removes rate and trace.
void ClearCapacity(v1::LinkConfig* link);

}  // namespace edgetp
