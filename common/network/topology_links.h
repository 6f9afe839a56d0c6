// The network of a profile with a topology: for each pair of ranks the path between their hosts as
// its link, and what several pairs share. Used by ResolveNetwork. Pure.
//
//   delay, rate   of the path: the sum of its delays, the lowest of its rates
//   interface     of a host: its fastest link
//   trunks        links inside, each with a queue for all that pass it
//   `link` of the profile, then `overrides`: their present fields replace those of the paths. No
//   path is faster than its trunks all the same.
#pragma once

#include "absl/status/status.h"
#include "common/network/link_options.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// Fills links, interfaces and trunks.
// Errors: InvalidArgument: those of TopologyPaths::Find, and fewer hosts than ranks.
absl::Status ResolveTopology(const v1::NetworkProfile& profile, int world_size,
                             NetworkOptions* network);

}  // namespace edgetp
