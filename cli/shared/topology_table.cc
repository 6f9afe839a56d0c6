#include "cli/shared/topology_table.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/shared/format.h"
#include "cli/shared/table.h"
#include "common/base/status_macros.h"
#include "common/config/units.h"
#include "common/network/network_profile.h"
#include "common/network/topology.h"

namespace edgetp {
namespace {

constexpr size_t kMaxRows = 64;

// A topology, and what is made of it for all of its hosts.
struct Collapsed {
  TopologyPaths paths;
  NetworkOptions network;
};

absl::StatusOr<Collapsed> Collapse(const v1::NetworkProfile& profile) {
  Collapsed collapsed;
  ASSIGN_OR_RETURN(collapsed.paths, TopologyPaths::Find(profile.topology()));
  ASSIGN_OR_RETURN(collapsed.network, ResolveNetwork(profile, collapsed.paths.hosts()));
  return collapsed;
}

std::string Counted(int count, const std::string& one, const std::string& many) {
  return absl::StrCat(count, " ", count == 1 ? one : many);
}

std::string DelayText(absl::Duration delay) { return FormatSeconds(absl::ToDoubleSeconds(delay)); }

std::string RateText(double bits_per_second) {
  return bits_per_second > 0 ? FormatRate(bits_per_second) : "unlimited";
}

template <typename T, typename Format>
std::string RangeText(const std::set<T>& values, const Format& format) {
  const std::string low = format(*values.begin());
  const std::string high = format(*values.rbegin());
  return low == high ? low : absl::StrCat(low, " to ", high);
}

// The switches that a path leads through.
std::string Through(const TopologyPaths& paths, const TopologyPaths::Path& path) {
  std::vector<std::string> names;
  for (size_t i = 1; i < path.links.size(); ++i)
    names.push_back(paths.NodeName(paths.links()[path.links[i]].from));
  return absl::StrJoin(names, ", ");
}

std::string SharedBy(const NetworkOptions& network, const LinkOptions& link) {
  std::vector<std::string> names;
  for (const TrunkUse& use : link.trunks) names.push_back(network.trunks[use.trunk]);
  return absl::StrJoin(names, ", ");
}

void AddRow(const Collapsed& collapsed, int source, int destination, const char* direction,
            Table* table) {
  const auto& [paths, network] = collapsed;
  const LinkOptions& link = network.Link(source, destination);
  table->AddRow({absl::StrCat(source, direction, destination),
                 absl::StrCat(paths.NodeName(source), direction, paths.NodeName(destination)),
                 Through(paths, paths.Between(source, destination)), DelayText(link.PathDelay()),
                 RateText(network.PayloadRate(source, destination)), SharedBy(network, link)});
}

bool SameBothWays(const NetworkOptions& network, int one, int other) {
  return network.Link(one, other).PathDelay() == network.Link(other, one).PathDelay() &&
         network.PayloadRate(one, other) == network.PayloadRate(other, one);
}

}  // namespace

std::string DescribeTopology(const v1::Topology& topology) {
  return absl::StrJoin({Counted(topology.hosts_size(), "host", "hosts"),
                        Counted(topology.switches_size(), "switch", "switches"),
                        Counted(topology.links_size(), "link", "links")},
                       ", ");
}

std::string DescribeHostPaths(const v1::NetworkProfile& profile) {
  const absl::StatusOr<Collapsed> collapsed = Collapse(profile);
  if (!collapsed.ok()) return std::string(collapsed.status().message());
  std::set<absl::Duration> delays;
  std::set<double> rates;
  for (const auto& [pair, link] : collapsed->network.overrides) {
    delays.insert(link.PathDelay());
    rates.insert(collapsed->network.PayloadRate(pair.first, pair.second));
  }
  if (delays.empty()) return "nothing: there is one host";
  return absl::StrCat("delay ", RangeText(delays, DelayText), ", rate ", RangeText(rates, RateText));
}

std::string TopologyTable(const v1::NetworkProfile& profile) {
  if (!profile.has_topology()) return "";
  const absl::StatusOr<Collapsed> collapsed = Collapse(profile);
  if (!collapsed.ok()) return "";  // DescribeHostPaths has said why
  Table table({{"ranks", Align::kLeft},
               {"hosts", Align::kLeft},
               {"through", Align::kLeft},
               {"delay"},
               {"rate"},
               {"shares", Align::kLeft}});
  size_t rows = 0;
  size_t left_out = 0;
  const int hosts = collapsed->paths.hosts();
  for (int one = 0; one < hosts; ++one) {
    for (int other = one + 1; other < hosts; ++other) {
      const bool same = SameBothWays(collapsed->network, one, other);
      if (rows >= kMaxRows) {
        ++left_out;
        continue;
      }
      AddRow(*collapsed, one, other, same ? " - " : " > ", &table);
      if (!same) AddRow(*collapsed, other, one, " > ", &table);
      rows += same ? 1 : 2;
    }
  }
  if (table.empty()) return "";
  const std::string more =
      left_out > 0 ? absl::StrCat("... and ", left_out, " more pairs of hosts\n") : "";
  return absl::StrCat("\n", table.Render(), more);
}

}  // namespace edgetp
