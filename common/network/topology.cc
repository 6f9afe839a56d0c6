#include "common/network/topology.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/suggest.h"
#include "common/network/link_options.h"

namespace edgetp {
namespace {

constexpr double kMaxDelayUs = 3.6e9;  // an hour, as that of any link

absl::Status Fault(const std::string& field, const std::string& rule) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", rule));
}

absl::Status CheckCount(const std::string& field, int count, int least, int most) {
  if (count >= least && count <= most) return absl::OkStatus();
  return Fault(field, absl::StrCat("must be ", least, " to ", most, " (got ", count, ")"));
}

std::string At(const char* list, int index) { return absl::StrCat(list, "[", index, "]"); }

}  // namespace

absl::StatusOr<TopologyPaths> TopologyPaths::Find(const v1::Topology& topology) {
  TopologyPaths paths;
  RETURN_IF_ERROR(paths.ReadHosts(topology));
  RETURN_IF_ERROR(paths.ReadSwitches(topology));
  RETURN_IF_ERROR(paths.ReadLinks(topology));
  for (int rank = 0; rank < paths.hosts(); ++rank) RETURN_IF_ERROR(paths.FindFrom(rank));
  return paths;
}

absl::Status TopologyPaths::ReadHosts(const v1::Topology& topology) {
  const int count = topology.hosts_size();
  RETURN_IF_ERROR(CheckCount("hosts", count, 1, kMaxHosts));
  RETURN_IF_ERROR(CheckCount("switches", topology.switches_size(), 0, kMaxSwitches));
  names_.resize(count + topology.switches_size());
  leaving_.resize(names_.size());
  paths_.assign(count, std::vector<Path>(count));
  std::set<int> ranks;
  for (int i = 0; i < count; ++i) {
    const v1::Topology::Host& host = topology.hosts(i);
    const std::string field = At("hosts", i);
    const int rank = host.has_rank() ? host.rank() : i;
    if (rank < 0 || rank >= count || !ranks.insert(rank).second) {
      return Fault(field + ".rank", absl::StrCat("each host needs a rank of its own, 0 to ",
                                                 count - 1, " (got ", rank, ")"));
    }
    RETURN_IF_ERROR(TakeName(field, host.name(), rank));
  }
  return absl::OkStatus();
}

absl::Status TopologyPaths::ReadSwitches(const v1::Topology& topology) {
  for (int i = 0; i < topology.switches_size(); ++i)
    RETURN_IF_ERROR(TakeName(At("switches", i), topology.switches(i).name(), hosts() + i));
  return absl::OkStatus();
}

absl::Status TopologyPaths::TakeName(const std::string& field, const std::string& name, int node) {
  if (name.empty()) return Fault(field + ".name", "must be set");
  if (std::find(names_.begin(), names_.end(), name) != names_.end())
    return Fault(field + ".name", absl::StrCat("there is another \"", name, "\""));
  names_[node] = name;
  return absl::OkStatus();
}

absl::StatusOr<int> TopologyPaths::NodeOf(const std::string& field, const std::string& name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found != names_.end()) return static_cast<int>(found - names_.begin());
  return Fault(
      field, absl::StrCat("no host or switch is called \"", name, "\"", KnownNames(name, names_)));
}

absl::Status TopologyPaths::ReadLinks(const v1::Topology& topology) {
  RETURN_IF_ERROR(CheckCount("links", topology.links_size(), 0, kMaxTopologyLinks));
  for (int i = 0; i < topology.links_size(); ++i)
    RETURN_IF_ERROR(ReadLink(At("links", i), topology.links(i)));
  return absl::OkStatus();
}

absl::Status TopologyPaths::ReadLink(const std::string& field, const v1::Topology::Link& link) {
  if (link.between_size() != 2 || link.between(0) == link.between(1))
    return Fault(field + ".between", "must be two different names, as in [\"pi\", \"switch\"]");
  ASSIGN_OR_RETURN(const int one, NodeOf(field + ".between", link.between(0)));
  ASSIGN_OR_RETURN(const int other, NodeOf(field + ".between", link.between(1)));
  if (!(link.delay_us() >= 0 && link.delay_us() <= kMaxDelayUs)) {
    return Fault(field + ".delay_us",
                 absl::StrCat("must be 0 to an hour, in us (got ", link.delay_us(), ")"));
  }
  const double rate = link.rate_bits_per_second();
  if (link.has_rate_bits_per_second() && !(rate > 0 && std::isfinite(rate))) {
    return Fault(field + ".rate_bits_per_second",
                 absl::StrCat("must be a finite number above 0 (got ", rate, " bit/s)"));
  }
  const absl::Duration delay = absl::Nanoseconds(1e3 * link.delay_us());
  for (const auto& [from, to] : {std::pair(one, other), std::pair(other, one)}) {
    leaving_[from].push_back(static_cast<int>(links_.size()));
    links_.push_back({from, to, delay, rate});
  }
  return absl::OkStatus();
}

absl::Status TopologyPaths::FindFrom(int source) {
  struct Reached {
    absl::Duration delay = absl::InfiniteDuration();
    int hops = 0;
    int last_link = -1;
  };
  std::vector<Reached> reached(names_.size());
  std::set<std::tuple<absl::Duration, int, int>> next = {{absl::ZeroDuration(), 0, source}};
  reached[source].delay = absl::ZeroDuration();
  while (!next.empty()) {
    const auto [delay, hops, node] = *next.begin();
    next.erase(next.begin());
    if (IsHost(node) && node != source) continue;  // a host does not forward
    for (const int number : leaving_[node]) {
      const Link& link = links_[number];
      Reached& there = reached[link.to];
      if (std::tuple(delay + link.delay, hops + 1) >= std::tuple(there.delay, there.hops)) continue;
      next.erase({there.delay, there.hops, link.to});
      there = {delay + link.delay, hops + 1, number};
      next.insert({there.delay, there.hops, link.to});
    }
  }
  for (int rank = 0; rank < hosts(); ++rank) {
    if (rank == source) continue;
    Path& path = paths_[source][rank];
    path.delay = reached[rank].delay;
    if (reached[rank].last_link < 0) {
      return Fault("links", absl::StrCat("no path from host \"", names_[source], "\" to host \"",
                                         names_[rank], "\" (hosts do not forward)"));
    }
    for (int node = rank; node != source; node = links_[path.links.back()].from)
      path.links.push_back(reached[node].last_link);
    std::reverse(path.links.begin(), path.links.end());
    for (const int link : path.links) {
      path.rate_bits_per_second =
          LowerRate(path.rate_bits_per_second, links_[link].rate_bits_per_second);
    }
  }
  return absl::OkStatus();
}

std::string TopologyPaths::LinkName(int link) const {
  return absl::StrCat(names_[links_[link].from], ">", names_[links_[link].to]);
}

double TopologyPaths::InterfaceRate(int rank) const {
  double fastest = 0;
  for (const int link : leaving_[rank]) {
    if (links_[link].rate_bits_per_second == 0) return 0;
    fastest = std::max(fastest, links_[link].rate_bits_per_second);
  }
  return fastest;
}

// Somebody's interface serializes all that passes the link, as fast or slower.
bool TopologyPaths::QueuesElsewhere(const Link& link, const Users& users) const {
  const auto slower = [&](std::optional<int> rank) {
    const double own = rank.has_value() ? InterfaceRate(*rank) : 0;
    return own > 0 && own <= link.rate_bits_per_second;
  };
  return slower(users.only_source) || slower(users.only_destination);
}

std::vector<int> TopologyPaths::Trunks(int world_size) const {
  std::vector<Users> users(links_.size());
  for (int source = 0; source < world_size; ++source) {
    for (int destination = 0; destination < world_size; ++destination) {
      for (const int link : paths_[source][destination].links) users[link].Add(source, destination);
    }
  }
  std::vector<int> trunks;
  for (size_t i = 0; i < links_.size(); ++i) {
    if (users[i].pairs < 2 || links_[i].rate_bits_per_second == 0) continue;
    if (!QueuesElsewhere(links_[i], users[i])) trunks.push_back(static_cast<int>(i));
  }
  return trunks;
}

}  // namespace edgetp
