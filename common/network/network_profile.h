// From a user's NetworkProfile to the NetworkOptions of a run's ranks. The semantic rules of a
// profile (signs, ranges, rising quantiles) are common/config/validate's; here only what depends on
// the world size is checked. Pure.
#pragma once

#include "absl/status/statusor.h"
#include "common/network/link_options.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// LinkConfig.header_share at most: a byte of payload in each of the smallest Ethernet frames.
inline constexpr double kMaxHeaderShare = 84;

// For each pair of ranks, overrides apply in order: an absent source or destination means any rank,
// present fields replace those of the link so far, a later override wins. Ranks in no partition
// group form a group of the rest.
// Errors: InvalidArgument naming the field of a rank outside 0..world_size-1, or of a rank in two
// groups; those of ResolveTopology. What overrides mean where devices have access links:
// common/network/access_link.h; where there is a topology: topology_links.h.
absl::StatusOr<NetworkOptions> ResolveNetwork(const v1::NetworkProfile& profile, int world_size);

// The link of one pair: the present fields of `overriding` replace those of `base`; quantiles as a
// whole, and a rate or a trace whichever of the two there was.
v1::LinkConfig MergeLinks(const v1::LinkConfig& base, const v1::LinkConfig& overriding);

// True if every link that `narrow` names is named by `wide`, too.
bool Covers(const v1::LinkOverride& wide, const v1::LinkOverride& narrow);

// The overrides of the profile that name the pair, merged into its link in order. True if any does.
bool MergeOverrides(const v1::NetworkProfile& profile, int source, int destination,
                    v1::LinkConfig* link);

// Removes rate and trace.
void ClearCapacity(v1::LinkConfig* link);

// A config as plain numbers. A trace that is also that of `base` is not made again: who asks finds
// the same object. `base` may be null.
LinkOptions ToLinkOptions(const v1::LinkConfig& config, const LinkOptions* base);

// What two devices without overrides get between them, one message at a time.
struct DevicePath {
  absl::Duration delay;             // one way; the RTT is twice that
  double rate_bits_per_second = 0;  // of payload, and at most a window per RTT; 0: unlimited; of a
                                    // trace, the mean
};
DevicePath PathBetweenDevices(const v1::NetworkProfile& profile);

}  // namespace edgetp
