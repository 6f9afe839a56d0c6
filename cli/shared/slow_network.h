// What people should know before a run over a network that is too slow for it.
#pragma once

#include <string>

#include "edgetp/v1/config.pb.h"

namespace edgetp {

// How long a run waits for its network, in seconds, as the profile begins (predicted); 0 where that
// is not known, or nobody waits.
double PredictedWait(const v1::RunConfig& config);

// "lora-sf7 is slow for this run: the network alone takes about 5h20m per step, 444 days for 2000
// steps (predicted)"; empty where a step takes less than a minute, or no time of this host's. Of a
// run whose network is known.
std::string SlowNetworkNote(const v1::RunConfig& config);

}  // namespace edgetp
