// Networks that change over time: a profile with events, as the list of profiles that are in force
// one after the other. The server follows it, the validator checks it. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

struct NetworkState {
  absl::Duration at;           // since the profile took effect
  v1::NetworkProfile network;  // whole, without events
};

// The profile itself at 0, then one state for each event. A state's name tells its origin, so that
// equal names are equal networks: "commute" for the profile itself and where it is restored,
// "commute@20s:lte" for a preset, "commute@20s:link 0:1", "commute@20s:links",
// "commute@20s:partition". The rules of a profile are ValidateNetwork's; nothing is checked here.
std::vector<NetworkState> UnrollNetwork(const v1::NetworkProfile& profile);

// "lte", "link 0:1", "links", "partition", "restore": what an event does, in a word or two.
std::string DescribeAction(const v1::NetworkEvent& event);

}  // namespace edgetp
