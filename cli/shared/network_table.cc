#include "cli/shared/network_table.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/shared/format.h"
#include "cli/shared/table.h"
#include "cli/shared/topology_table.h"
#include "common/config/units.h"
#include "common/network/mahimahi_trace.h"
#include "common/network/network_profile.h"
#include "common/network/scenario.h"
#include "common/network/trace_config.h"

namespace edgetp {
namespace {

std::string LinkName(const v1::LinkOverride& change, v1::Hop hop) {
  const bool one_end = change.has_source() != change.has_destination();
  if (hop == v1::HOP_ACCESS && one_end) {
    return change.has_source() ? absl::StrCat("uplink of ", change.source())
                               : absl::StrCat("downlink of ", change.destination());
  }
  const std::string source = change.has_source() ? absl::StrCat(change.source()) : "any";
  const std::string destination =
      change.has_destination() ? absl::StrCat(change.destination()) : "any";
  return absl::StrCat("link ", source, " -> ", destination);
}

std::string Groups(const google::protobuf::RepeatedPtrField<v1::PartitionGroup>& partition) {
  std::vector<std::string> groups;
  for (const auto& group : partition)
    groups.push_back(absl::StrCat("{", absl::StrJoin(group.ranks(), ", "), "}"));
  return absl::StrJoin(groups, " | ");
}

// `hop`: of the network that the event changes.
void AddEvent(const v1::NetworkEvent& event, v1::Hop hop, Table* table) {
  const std::string after = FormatSeconds(event.at_seconds());
  switch (event.action_case()) {
    case v1::NetworkEvent::kNetwork: {
      const v1::NetworkProfile& network = event.network();
      std::string links = absl::StrCat(HopName(network), ": ", DescribeLink(network.link()));
      if (network.overrides_size() > 0) absl::StrAppend(&links, "; some links differ");
      if (network.partition_size() > 0)
        absl::StrAppend(&links, "; partition ", Groups(network.partition()));
      return table->AddRow({after, network.name(), links});
    }
    case v1::NetworkEvent::kChange:
      return table->AddRow(
          {after, LinkName(event.change(), hop), DescribeLink(event.change().link())});
    case v1::NetworkEvent::kPartition:
      return table->AddRow({after, "partition", Groups(event.partition().groups())});
    case v1::NetworkEvent::kRestore:
    case v1::NetworkEvent::ACTION_NOT_SET:
      return table->AddRow({after, "restored", "as at the beginning"});
  }
}

std::string DescribeDelay(absl::Duration delay) {
  const double seconds = absl::ToDoubleSeconds(delay);
  return absl::StrCat("delay ", FormatSeconds(seconds), " (RTT ", FormatSeconds(2 * seconds), ")");
}

std::string InterfaceOf(const v1::NetworkProfile& profile) {
  if (profile.hop() == v1::HOP_ACCESS) return "a device's access link carries all that it sends";
  if (profile.has_interface_sharing() && !profile.interface_sharing()) return "one for each link";
  return absl::StrCat("one for all links of a device",
                      profile.has_interface_rate_bits_per_second()
                          ? ", " + FormatRate(profile.interface_rate_bits_per_second())
                          : ", as fast as the fastest of them");
}

std::string WhatFiguresDescribe(const v1::NetworkProfile& profile) {
  if (profile.has_topology())
    return absl::StrCat("a topology of ", DescribeTopology(profile.topology()));
  return profile.hop() == v1::HOP_ACCESS ? "the access link between a device and its network"
                                         : "the link between two devices";
}

// What `link` of the profile is about.
std::string EveryLink(const v1::NetworkProfile& profile) {
  if (profile.has_topology()) return "every path, besides";
  return profile.hop() == v1::HOP_ACCESS ? "every access link" : "every link";
}

// Of a preset or file: since the profile took effect. Of what a server says: from now.
std::string Timeline(const v1::NetworkProfile& profile) {
  if (profile.events_size() == 0) return "";
  Table table({{"after"}, {"then", Align::kLeft}, {"links", Align::kLeft}});
  const std::vector<NetworkState> states = UnrollNetwork(profile);
  for (int i = 0; i < profile.events_size(); ++i)
    AddEvent(profile.events(i), states[i].network.hop(), &table);
  if (profile.has_repeat_seconds()) {
    table.AddRow({FormatSeconds(profile.repeat_seconds()), "from the beginning", ""});
  }
  return absl::StrCat("\n", table.Render());
}

}  // namespace

std::string HopName(const v1::NetworkProfile& profile) {
  if (profile.has_topology()) return "topology";
  return profile.hop() == v1::HOP_ACCESS ? "access link" : "direct link";
}

std::string DescribePath(const v1::NetworkProfile& profile) {
  if (profile.has_topology()) return DescribeHostPaths(profile);
  const DevicePath path = PathBetweenDevices(profile);
  std::vector<std::string> terms;
  if (path.delay > absl::ZeroDuration()) terms.push_back(DescribeDelay(path.delay));
  if (path.rate_bits_per_second > 0)
    terms.push_back("rate " + FormatRate(path.rate_bits_per_second));
  return terms.empty() ? "no limits" : absl::StrJoin(terms, ", ");
}

std::string DescribeLink(const v1::LinkConfig& link) {
  std::vector<std::string> terms;
  if (link.delay_us() > 0) terms.push_back(DescribeDelay(absl::Nanoseconds(1e3 * link.delay_us())));
  if (link.jitter_us() > 0)
    terms.push_back(absl::StrCat("jitter ", FormatSeconds(link.jitter_us() * 1e-6)));
  for (const auto& quantile : link.quantiles()) {
    // The tail says what a profile is like; the whole table is in its file and in the JSON.
    if (quantile.probability() < 0.9 || quantile.probability() == 1) continue;
    terms.push_back(absl::StrFormat("jitter p%g %s", 100 * quantile.probability(),
                                    FormatSeconds(quantile.jitter_us() * 1e-6)));
  }
  if (link.loss() > 0)
    terms.push_back(absl::StrCat("loss ", FormatNumber(100 * link.loss()), " %"));
  if (link.has_rate_bits_per_second()) {
    const bool limited = std::isfinite(link.rate_bits_per_second());
    terms.push_back(limited ? "rate " + FormatRate(link.rate_bits_per_second()) : "no rate limit");
  }
  if (const auto times = TraceTimes(link); times.ok() && !times->empty()) {
    const MahimahiTrace trace(*times);
    terms.push_back(absl::StrCat("rate of a trace, ", FormatRate(trace.MeanBitsPerSecond()),
                                 " in the mean of ", FormatSeconds(1e-3 * times->back())));
  }
  if (link.has_ingress_rate_bits_per_second()) {
    terms.push_back("ingress " + FormatRate(link.ingress_rate_bits_per_second()));
  }
  if (link.has_header_share())
    terms.push_back(absl::StrCat("headers ", FormatNumber(100 * (link.header_share() - 1)), " %"));
  if (link.has_window_bytes()) {
    const bool limited = std::isfinite(link.window_bytes());
    terms.push_back(limited ? "window " + FormatBytes(link.window_bytes()) : "no window");
  }
  return terms.empty() ? "no limits" : absl::StrJoin(terms, ", ");
}

std::string NetworkTable(const v1::NetworkProfile& profile) {
  Table table({{profile.name(), Align::kLeft}, {"", Align::kLeft}});
  const bool access = profile.hop() == v1::HOP_ACCESS;
  table.AddRow({"figures describe", WhatFiguresDescribe(profile)});
  table.AddRow({EveryLink(profile), DescribeLink(profile.link())});
  table.AddRow({"between two devices",
                absl::StrCat(DescribePath(profile), access ? "; one hop up, one hop down" : "")});
  for (const v1::LinkOverride& change : profile.overrides())
    table.AddRow({LinkName(change, profile.hop()), DescribeLink(change.link())});
  table.AddRow({"interface", InterfaceOf(profile)});
  if (profile.shared_medium()) {
    table.AddRow({"medium", absl::StrCat("shared by all, one sends at a time",
                                         access ? "; it carries each message twice" : "")});
  }
  if (profile.partition_size() > 0) table.AddRow({"partition", Groups(profile.partition())});
  if (profile.kind() != v1::KIND_UNSPECIFIED)
    table.AddRow({"figures", v1::Kind_Name(profile.kind()).substr(5)});
  if (!profile.source().empty()) table.AddRow({"source", profile.source()});
  return table.Render() + TopologyTable(profile) + Timeline(profile);
}

}  // namespace edgetp
