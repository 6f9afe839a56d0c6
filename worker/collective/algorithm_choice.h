// Which all-reduce a job uses: the one that its config names, or, for `auto`, what the simulator
// finds cheapest for each size, on the network that the run begins with.
#pragma once

#include "common/network/link_options.h"
#include "edgetp/v1/config.pb.h"
#include "worker/collective/collective_group.h"

namespace edgetp {

// The same on all ranks; says in the log what `auto` became.
AlgorithmChooser ChooserFor(const v1::RunConfig& config, NetworkOptions network);

}  // namespace edgetp
