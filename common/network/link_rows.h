// A network as a short table of its links, for people: of the page and of `edgetp watch`. Pure.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "common/network/link_options.h"

namespace edgetp {

struct LinkRow {
  int source = -1;  // both -1: every link
  int destination = -1;
  absl::Duration delay;   // one way, of all hops
  absl::Duration jitter;  // of all hops, one standard deviation each; of a table of quantiles: zero
  bool quantiles = false;
  double loss = 0;                  // per packet
  double rate_bits_per_second = 0;  // of what travels; 0: unlimited; of a trace, its mean
  bool trace = false;
  bool connected = true;  // false: a partition is between them
};

// One row where all ranks see the same, else one for each directed link, at most `max_rows`, in the
// order of their ranks.
std::vector<LinkRow> LinkRows(const NetworkOptions& network, int world_size, size_t max_rows);

}  // namespace edgetp
