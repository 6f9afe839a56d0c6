// What a few ranks see of a network when they are alone on it. Pure.
#pragma once

#include <vector>

#include "common/network/link_options.h"

namespace edgetp {

// `network` for the ranks `ranks`, which become 0, 1, ... in this order.
NetworkOptions NetworkOfRanks(const NetworkOptions& network, const std::vector<int>& ranks);

// Whether any ranks see the same as any others: then a choice for some holds for all.
bool AllRanksAlike(const NetworkOptions& network);

}  // namespace edgetp
