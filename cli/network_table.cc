#include "cli/network_table.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/format.h"
#include "cli/table.h"
#include "common/config/units.h"
#include "common/network/mahimahi_trace.h"
#include "common/network/trace_config.h"

namespace edgetp {
namespace {

std::string LinkName(const v1::LinkOverride& change) {
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

void AddEvent(const v1::NetworkEvent& event, Table* table) {
  const std::string after = FormatSeconds(event.at_seconds());
  switch (event.action_case()) {
    case v1::NetworkEvent::kNetwork: {
      const v1::NetworkProfile& network = event.network();
      std::string links = DescribeLink(network.link());
      if (network.overrides_size() > 0) absl::StrAppend(&links, "; some links differ");
      if (network.partition_size() > 0)
        absl::StrAppend(&links, "; partition ", Groups(network.partition()));
      return table->AddRow({after, network.name(), links});
    }
    case v1::NetworkEvent::kChange:
      return table->AddRow({after, LinkName(event.change()), DescribeLink(event.change().link())});
    case v1::NetworkEvent::kPartition:
      return table->AddRow({after, "partition", Groups(event.partition().groups())});
    case v1::NetworkEvent::kRestore:
    case v1::NetworkEvent::ACTION_NOT_SET:
      return table->AddRow({after, "restored", "as at the beginning"});
  }
}

// Of a preset or file: since the profile took effect. Of what a server says: from now.
std::string Timeline(const v1::NetworkProfile& profile) {
  if (profile.events_size() == 0) return "";
  Table table({{"after"}, {"then", Align::kLeft}, {"links", Align::kLeft}});
  for (const v1::NetworkEvent& event : profile.events()) AddEvent(event, &table);
  if (profile.has_repeat_seconds()) {
    table.AddRow({FormatSeconds(profile.repeat_seconds()), "from the beginning", ""});
  }
  return absl::StrCat("\n", table.Render());
}

}  // namespace

std::string DescribeLink(const v1::LinkConfig& link) {
  std::vector<std::string> terms;
  if (link.delay_us() > 0) {
    terms.push_back(absl::StrCat("delay ", FormatSeconds(link.delay_us() * 1e-6), " (RTT ",
                                 FormatSeconds(2e-6 * link.delay_us()), ")"));
  }
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
  return terms.empty() ? "no limits" : absl::StrJoin(terms, ", ");
}

std::string NetworkTable(const v1::NetworkProfile& profile) {
  Table table({{profile.name(), Align::kLeft}, {"", Align::kLeft}});
  table.AddRow({"every link", DescribeLink(profile.link())});
  for (const v1::LinkOverride& change : profile.overrides())
    table.AddRow({LinkName(change), DescribeLink(change.link())});
  table.AddRow({"interface", profile.has_interface_sharing() && !profile.interface_sharing()
                                 ? "one for each link"
                                 : "one for all links of a device"});
  if (profile.shared_medium()) table.AddRow({"medium", "shared by all, one sends at a time"});
  if (profile.partition_size() > 0) table.AddRow({"partition", Groups(profile.partition())});
  if (profile.kind() != v1::KIND_UNSPECIFIED)
    table.AddRow({"figures", v1::Kind_Name(profile.kind()).substr(5)});
  if (!profile.source().empty()) table.AddRow({"source", profile.source()});
  return table.Render() + Timeline(profile);
}

}  // namespace edgetp
