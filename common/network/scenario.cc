#include "common/network/scenario.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace edgetp {
namespace {

std::string EndName(bool present, int rank) { return present ? absl::StrCat(rank) : "*"; }

bool ConcernsAllLinks(const v1::LinkOverride& change) {
  return !change.has_source() && !change.has_destination();
}

v1::NetworkProfile WithoutEvents(const v1::NetworkProfile& profile) {
  v1::NetworkProfile network = profile;
  network.clear_events();
  network.clear_repeat_seconds();
  return network;
}

// Later overrides win, so a new one at the end changes the links that it names.
void Apply(const v1::NetworkProfile& own, const v1::NetworkEvent& event,
           v1::NetworkProfile* network) {
  switch (event.action_case()) {
    case v1::NetworkEvent::kNetwork:
      *network = event.network();
      break;
    case v1::NetworkEvent::kChange:
      *network->add_overrides() = event.change();
      break;
    case v1::NetworkEvent::kPartition:
      *network->mutable_partition() = event.partition().groups();
      break;
    case v1::NetworkEvent::kRestore:
    case v1::NetworkEvent::ACTION_NOT_SET:
      *network = own;
      break;
  }
}

}  // namespace

std::string DescribeAction(const v1::NetworkEvent& event) {
  switch (event.action_case()) {
    case v1::NetworkEvent::kNetwork:
      return event.network().name();
    case v1::NetworkEvent::kChange: {
      const v1::LinkOverride& change = event.change();
      if (ConcernsAllLinks(change)) return "links";
      return absl::StrCat("link ", EndName(change.has_source(), change.source()), ":",
                          EndName(change.has_destination(), change.destination()));
    }
    case v1::NetworkEvent::kPartition:
      return "partition";
    case v1::NetworkEvent::kRestore:
    case v1::NetworkEvent::ACTION_NOT_SET:
      break;
  }
  return "restore";
}

std::vector<NetworkState> UnrollNetwork(const v1::NetworkProfile& profile) {
  const v1::NetworkProfile own = WithoutEvents(profile);
  std::vector<NetworkState> states = {{absl::ZeroDuration(), own}};
  for (const v1::NetworkEvent& event : profile.events()) {
    NetworkState state{absl::Seconds(event.at_seconds()), states.back().network};
    Apply(own, event, &state.network);
    if (!event.has_restore()) {
      state.network.set_name(
          absl::StrFormat("%s@%.15gs:%s", own.name(), event.at_seconds(), DescribeAction(event)));
    }
    states.push_back(std::move(state));
  }
  return states;
}

}  // namespace edgetp
