#include "common/network/topology_links.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/network/network_profile.h"
#include "common/network/topology.h"

namespace edgetp {
namespace {

v1::LinkConfig ConfigOf(const TopologyPaths::Path& path) {
  v1::LinkConfig link;
  link.set_delay_us(absl::ToDoubleMicroseconds(path.delay));
  if (path.rate_bits_per_second > 0) link.set_rate_bits_per_second(path.rate_bits_per_second);
  return link;
}

// `trunks`: their numbers, by link of the topology.
void AddTrunks(const TopologyPaths& paths, const TopologyPaths::Path& path,
               const std::map<int, int>& trunks, LinkOptions* link) {
  absl::Duration offset;
  for (const int number : path.links) {
    const TopologyPaths::Link& passed = paths.links()[number];
    if (const auto trunk = trunks.find(number); trunk != trunks.end()) {
      link->rate_bits_per_second =
          LowerRate(link->rate_bits_per_second, passed.rate_bits_per_second);
      // A path that was made shorter passes everything sooner.
      link->trunks.push_back(
          {trunk->second, std::min(offset, link->delay), passed.rate_bits_per_second});
    }
    offset += passed.delay;
  }
}

}  // namespace

absl::Status ResolveTopology(const v1::NetworkProfile& profile, int world_size,
                             NetworkOptions* network) {
  const absl::StatusOr<TopologyPaths> paths = TopologyPaths::Find(profile.topology());
  RETURN_IF_ERROR(Annotate(paths.status(), "network profile: topology"));
  if (paths->hosts() < world_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("network profile: topology: each rank needs a host (hosts=", paths->hosts(),
                     " world_size=", world_size, ")"));
  }
  std::map<int, int> trunks;
  for (const int link : paths->Trunks(world_size)) {
    trunks[link] = static_cast<int>(network->trunks.size());
    network->trunks.push_back(paths->LinkName(link));
  }
  for (int source = 0; source < world_size; ++source) {
    const double own = network->interface_rate_bits_per_second;
    const InterfaceOptions interface { own > 0 ? own : paths->InterfaceRate(source), nullptr };
    network->uplinks.push_back(interface);
    network->downlinks.push_back(interface);
    for (int destination = 0; destination < world_size; ++destination) {
      if (source == destination) continue;
      const TopologyPaths::Path& path = paths->Between(source, destination);
      v1::LinkConfig config = MergeLinks(ConfigOf(path), profile.link());
      MergeOverrides(profile, source, destination, &config);
      LinkOptions link = ToLinkOptions(config, nullptr);
      AddTrunks(*paths, path, trunks, &link);
      network->overrides[{source, destination}] = std::move(link);
    }
  }
  return absl::OkStatus();
}

}  // namespace edgetp
