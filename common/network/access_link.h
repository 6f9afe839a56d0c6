// Networks of devices behind access links (HOP_ACCESS): what two of them get between them. A message
// goes up the sender's access link and down the receiver's:
//
//   delay      the sum of both hops
//   jitter     a draw of its own for each hop
//   loss       on either hop, repaired from end to end
//   rate       up: the sender's rate (or trace); down: the receiver's ingress rate, absent: its
//              rate, or no limit where it has a trace. The lower one is the path's
//   headers    of the hop that adds more; window: the smaller one, over the RTT of both hops
//   medium     one that is shared carries each message twice, packet by packet: 8 n / up + 8 n / down
//
// Overrides: with a source alone, that rank's uplink; with a destination alone, its downlink, whose
// rate is `rate_bits_per_second` there; with neither, every access link; with both, the path between
// the two as a whole, after all others. Used by ResolveNetwork. Pure.
#pragma once

#include "common/network/link_options.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// Fills links, overrides and interfaces; ranks that the profile names exist.
void ResolveAccessLinks(const v1::NetworkProfile& profile, int world_size, NetworkOptions* network);

}  // namespace edgetp
