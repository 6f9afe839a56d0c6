// The rules of network profiles; those of everything else are in validate.cc.
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "common/config/validate.h"
#include "common/config/violations.h"
#include "common/network/mahimahi_trace.h"
#include "common/network/network_profile.h"
#include "common/network/scenario.h"
#include "common/network/topology.h"
#include "common/network/trace_config.h"

namespace edgetp {
namespace {

// An hour: no link's delay; above it, sums of times could leave their types.
constexpr double kMaxDelayUs = 3.6e9;
// A year: no run's length.
constexpr double kMaxSeconds = 3.15e7;
// Every link of 64 ranks has one.
constexpr int kMaxOverrides = 4096;
constexpr int kMaxQuantiles = 1024;
constexpr int kMaxEvents = 4096;
// Overrides of all states together, which each event that changes a link adds to: they are kept in
// memory, some 200 bytes each. So are the times of traces, 50 of which take as much.
constexpr int64_t kMaxUnrolled = 1 << 18;
// A link that overrides change is worked out with its trace, once for each of them: seconds.
constexpr int64_t kMaxTraceWork = 1 << 28;
// Paths of all topologies together are looked for once per host, over all links: a second.
constexpr int64_t kMaxTopologyWork = 1 << 20;

void CheckQuantiles(const v1::LinkConfig& link, const std::string& path, Violations* violations) {
  const bool wanted = link.distribution() == v1::LinkConfig::DISTRIBUTION_QUANTILES;
  const std::string field = path + ".quantiles";
  if (!wanted && link.quantiles_size() > 0)
    violations->Add(field, "need distribution: DISTRIBUTION_QUANTILES");
  if (wanted && link.quantiles_size() < 2) {
    violations->AddGot(field, "distribution: DISTRIBUTION_QUANTILES needs at least two of them",
                       link.quantiles_size());
  }
  if (link.quantiles_size() > kMaxQuantiles)
    return violations->AddGot(field, absl::StrCat("at most ", kMaxQuantiles),
                              link.quantiles_size());
  for (int i = 0; i < link.quantiles_size(); ++i) {
    const auto& quantile = link.quantiles(i);
    const std::string at = absl::StrCat(field, "[", i, "]");
    violations->InRange(at + ".probability", quantile.probability(), 0, 1);
    violations->InRange(at + ".jitter_us", quantile.jitter_us(), -link.delay_us(), kMaxDelayUs);
    if (i == 0) continue;
    const auto& before = link.quantiles(i - 1);
    if (!(quantile.probability() > before.probability())) {
      violations->AddGot(at + ".probability", "must rise from one quantile to the next",
                         quantile.probability());
    }
    if (!(quantile.jitter_us() >= before.jitter_us())) {
      violations->AddGot(at + ".jitter_us", "must not fall from one quantile to the next",
                         quantile.jitter_us());
    }
  }
}

void CheckTrace(const v1::LinkConfig& link, const std::string& path, Violations* violations) {
  if (TraceSize(link) == 0) {
    if (!link.has_trace_file()) return;
    violations->AddGot(path + ".trace_file",
                       "names a file only in the file of a network or run profile",
                       link.trace_file());
    return;
  }
  if (link.has_rate_bits_per_second()) {
    violations->Add(path + ".rate_bits_per_second", "must be absent where the link has a trace");
  }
  const absl::StatusOr<std::vector<uint32_t>> times = TraceTimes(link);
  violations->Demand(path + (link.trace_gap_ms().empty() ? ".trace_ms" : ".trace_gap_ms"),
                     times.ok() ? CheckOpportunities(*times) : times.status());
}

void CheckLink(const v1::LinkConfig& link, const std::string& path, Violations* violations) {
  violations->InRange(path + ".delay_us", link.delay_us(), 0, kMaxDelayUs);
  violations->InRange(path + ".jitter_us", link.jitter_us(), 0, kMaxDelayUs);
  violations->Below(path + ".correlation", link.correlation(), 0, 1);
  violations->Below(path + ".loss", link.loss(), 0, 1);
  if (link.has_rate_bits_per_second()) {
    violations->Positive(path + ".rate_bits_per_second", link.rate_bits_per_second());
  }
  if (link.has_ingress_rate_bits_per_second()) {
    violations->Positive(path + ".ingress_rate_bits_per_second",
                         link.ingress_rate_bits_per_second());
  }
  if (link.has_header_share())
    violations->InRange(path + ".header_share", link.header_share(), 1, kMaxHeaderShare);
  if (link.has_window_bytes()) violations->Positive(path + ".window_bytes", link.window_bytes());
  if (link.has_distribution() && link.distribution() == v1::LinkConfig::DISTRIBUTION_UNSPECIFIED) {
    violations->Add(path + ".distribution", "must be one of UNIFORM, NORMAL, PARETO, QUANTILES");
  }
  const bool uniform = link.distribution() == v1::LinkConfig::DISTRIBUTION_UNIFORM;
  if (uniform && link.jitter_us() > link.delay_us()) {
    violations->AddGot(
        path + ".jitter_us",
        "a uniform jitter must not exceed the delay: nothing arrives before it is sent",
        link.jitter_us());
  }
  CheckQuantiles(link, path, violations);
  CheckTrace(link, path, violations);
}

void CheckRank(const std::string& field, int rank, std::optional<int> world_size,
               Violations* violations) {
  if (rank < 0) violations->AddGot(field, "a rank must be at least 0", rank);
  if (world_size.has_value() && rank >= *world_size) {
    violations->AddGot(field, absl::StrCat("a rank must be below workers=", *world_size), rank);
  }
}

// The first `count` overrides are in force.
v1::LinkConfig LinkBefore(const v1::NetworkProfile& network, int count,
                          const v1::LinkOverride& override) {
  v1::LinkConfig link = network.link();
  for (int i = 0; i < count; ++i) {
    if (Covers(network.overrides(i), override))
      link = MergeLinks(link, network.overrides(i).link());
  }
  // The path as a whole: both hops.
  const bool path = override.has_source() && override.has_destination();
  if (network.hop() == v1::HOP_ACCESS && path) link.set_delay_us(2 * link.delay_us());
  return link;
}

// Where devices have access links, an override with one end names one direction of one of them
// (common/network/access_link.h).
void CheckAccessOverride(const v1::LinkOverride& override, const std::string& path,
                         Violations* violations) {
  const v1::LinkConfig& link = override.link();
  const bool one_direction = override.has_source() || override.has_destination();
  if (one_direction && link.has_ingress_rate_bits_per_second()) {
    violations->Add(path + ".link.ingress_rate_bits_per_second",
                    "must be absent where hop is HOP_ACCESS: the override names one direction, "
                    "whose rate is rate_bits_per_second");
  }
  const bool down = override.has_destination() && !override.has_source();
  if (down && (TraceSize(link) > 0 || link.has_trace_file())) {
    violations->Add(path + ".link.trace_ms",
                    "must be absent where hop is HOP_ACCESS and only a destination is named: a "
                    "trace is the capacity of an uplink");
  }
}

// `before`: the link that it changes.
void CheckOverride(const v1::LinkOverride& override, v1::Hop hop, const v1::LinkConfig& before,
                   const std::string& path, std::optional<int> world_size, Violations* violations) {
  if (override.has_source()) CheckRank(path + ".source", override.source(), world_size, violations);
  if (override.has_destination())
    CheckRank(path + ".destination", override.destination(), world_size, violations);
  if (override.has_source() && override.has_destination() &&
      override.source() == override.destination()) {
    violations->AddGot(path, "source and destination must differ", override.source());
  }
  if (!override.has_link()) violations->Add(path + ".link", "must be set");
  if (hop == v1::HOP_ACCESS) CheckAccessOverride(override, path, violations);
  CheckLink(MergeLinks(before, override.link()), path + ".link", violations);
}

using PartitionGroups = google::protobuf::RepeatedPtrField<v1::PartitionGroup>;

void CheckPartition(const PartitionGroups& groups, const std::string& path,
                    std::optional<int> world_size, Violations* violations) {
  std::set<int> seen;
  for (int i = 0; i < groups.size(); ++i) {
    const std::string field = absl::StrCat(path, "[", i, "].ranks");
    if (groups[i].ranks_size() == 0) violations->Add(field, "must name at least one rank");
    for (int rank : groups[i].ranks()) {
      CheckRank(field, rank, world_size, violations);
      if (!seen.insert(rank).second)
        violations->AddGot(field, "a rank must be in one group only", rank);
    }
  }
}

// What the figures of a profile describe, and the devices' interfaces.
void CheckEnds(const v1::NetworkProfile& network, const std::string& path, Violations* violations) {
  if (network.has_hop() && network.hop() == v1::HOP_UNSPECIFIED) {
    violations->Add(path + "hop", "must be HOP_DIRECT or HOP_ACCESS");
  }
  const bool access = network.hop() == v1::HOP_ACCESS;
  if (access && network.has_interface_sharing() && !network.interface_sharing()) {
    violations->Add(path + "interface_sharing",
                    "must not be false where hop is HOP_ACCESS: a device has one access link");
  }
  if (network.has_interface_rate_bits_per_second()) {
    violations->Positive(path + "interface_rate_bits_per_second",
                         network.interface_rate_bits_per_second());
    if (network.has_interface_sharing() && !network.interface_sharing()) {
      violations->Add(path + "interface_rate_bits_per_second",
                      "must be absent where interface_sharing is false: each link has an "
                      "interface of its own");
    }
  }
}

// What a profile with a topology must not have, and that there are hosts enough. `path` as below.
void CheckTopology(const v1::NetworkProfile& network, const std::string& path,
                   std::optional<int> world_size, Violations* violations) {
  if (!network.has_topology()) return;
  const absl::StatusOr<TopologyPaths> paths = TopologyPaths::Find(network.topology());
  violations->Demand(path + "topology", paths.status());
  if (paths.ok() && world_size.value_or(0) > paths->hosts()) {
    violations->AddGot(path + "topology.hosts",
                       absl::StrCat("each of workers=", *world_size, " needs a host"),
                       paths->hosts());
  }
  if (network.hop() == v1::HOP_ACCESS)
    violations->Add(path + "hop", "must be HOP_DIRECT where there is a topology");
  if (network.shared_medium())
    violations->Add(path + "shared_medium", "must be false where there is a topology");
  if (network.has_interface_sharing() && !network.interface_sharing())
    violations->Add(path + "interface_sharing", "must not be false where there is a topology");
}

// The rules of a profile but for its timeline; `path` is put before every field.
void CheckState(const v1::NetworkProfile& network, const std::string& path,
                std::optional<int> world_size, Violations* violations) {
  CheckEnds(network, path, violations);
  CheckTopology(network, path, world_size, violations);
  CheckLink(network.link(), path + "link", violations);
  for (int i = 0; i < network.overrides_size(); ++i) {
    const v1::LinkOverride& override = network.overrides(i);
    CheckOverride(override, network.hop(), LinkBefore(network, i, override),
                  absl::StrCat(path, "overrides[", i, "]"), world_size, violations);
  }
  CheckPartition(network.partition(), path + "partition", world_size, violations);
  if (!network.shared_medium()) return;
  if (!network.link().has_rate_bits_per_second()) {
    violations->Add(path + "link.rate_bits_per_second",
                    "a shared_medium needs a rate: it is what the members share");
  }
  for (int i = 0; i < network.overrides_size(); ++i) {
    if (TraceSize(network.overrides(i).link()) == 0) continue;
    violations->Add(absl::StrCat(path, "overrides[", i, "].link.trace_ms"),
                    "must be absent on a shared_medium");
  }
}

// `before`: what the event changes.
void CheckAction(const v1::NetworkEvent& event, const v1::NetworkProfile& before,
                 const std::string& path, std::optional<int> world_size, Violations* violations) {
  switch (event.action_case()) {
    case v1::NetworkEvent::kNetwork:
      if (event.network().events_size() > 0 || event.network().has_repeat_seconds()) {
        violations->Add(path + ".network.events",
                        "the profile of an event must not have a timeline of its own");
      }
      if (!event.network().has_link()) {
        violations->Add(path + ".network.link",
                        "must be set; a name alone stands for a preset only in a file");
      }
      CheckState(event.network(), path + ".network.", world_size, violations);
      break;
    case v1::NetworkEvent::kChange:
      CheckOverride(event.change(), before.hop(),
                    LinkBefore(before, before.overrides_size(), event.change()), path + ".change",
                    world_size, violations);
      break;
    case v1::NetworkEvent::kPartition:
      if (event.partition().groups_size() == 0)
        violations->Add(path + ".partition.groups", "must hold at least one group");
      CheckPartition(event.partition().groups(), path + ".partition.groups", world_size,
                     violations);
      break;
    case v1::NetworkEvent::kRestore:
      break;
    case v1::NetworkEvent::ACTION_NOT_SET:
      violations->Add(path, "must have one of network, change, partition, restore");
      break;
  }
}

void CheckTimeline(const v1::NetworkProfile& network, std::optional<int> world_size,
                   Violations* violations) {
  const std::vector<NetworkState> states = UnrollNetwork(network);
  double last = 0;
  for (int i = 0; i < network.events_size(); ++i) {
    const v1::NetworkEvent& event = network.events(i);
    const std::string path = absl::StrCat("events[", i, "]");
    violations->InRange(path + ".at_seconds", event.at_seconds(), 0, kMaxSeconds);
    if (!(event.at_seconds() > last)) {
      violations->AddGot(path + ".at_seconds",
                         i == 0 ? "must be above 0, where the profile itself is in force"
                                : "must rise from one event to the next",
                         event.at_seconds());
    }
    last = event.at_seconds();
    CheckAction(event, states[i].network, path, world_size, violations);
  }
  if (!network.has_repeat_seconds()) return;
  if (network.events_size() == 0) violations->Add("repeat_seconds", "needs events");
  violations->InRange("repeat_seconds", network.repeat_seconds(), 0, kMaxSeconds);
  if (!(network.repeat_seconds() > last)) {
    violations->AddGot(
        "repeat_seconds",
        absl::StrCat("must be above the last event's time ", FormatPlain(last), " s"),
        network.repeat_seconds());
  }
}

int64_t TraceSizes(const v1::NetworkProfile& network) {
  int64_t sum = TraceSize(network.link());
  for (const v1::LinkOverride& override : network.overrides()) sum += TraceSize(override.link());
  return sum;
}

int64_t Weight(const v1::NetworkProfile& network) {
  return network.overrides_size() + TraceSizes(network) / 50;
}

int64_t TraceWork(const v1::NetworkProfile& network) {
  int64_t traces = TraceSizes(network);
  int64_t changes = 1 + network.overrides_size();
  for (const v1::NetworkEvent& event : network.events()) {
    traces += TraceSizes(event.network()) + TraceSize(event.change().link());
    changes += event.has_change() + event.network().overrides_size();
  }
  return traces * changes;
}

int64_t TopologyWork(const v1::NetworkProfile& network) {
  const auto of = [](const v1::Topology& topology) {
    return static_cast<int64_t>(topology.hosts_size()) * topology.links_size();
  };
  int64_t work = of(network.topology());
  for (const v1::NetworkEvent& event : network.events()) work += of(event.network().topology());
  return work;
}

// How many overrides the states of the timeline have together.
int64_t UnrolledOverrides(const v1::NetworkProfile& network) {
  int64_t in_force = Weight(network);
  int64_t sum = in_force;
  for (const v1::NetworkEvent& event : network.events()) {
    if (event.has_change()) in_force += 1 + TraceSize(event.change().link()) / 50;
    if (event.has_restore()) in_force = Weight(network);
    if (event.has_network()) in_force = Weight(event.network());
    sum += in_force;
  }
  return sum;
}

// True if the profile is of a size that can be looked at: what follows takes time and memory that
// grow faster than it.
bool CheckCounts(const v1::NetworkProfile& network, Violations* violations) {
  const auto at_most = [violations](const std::string& field, int64_t limit, int64_t got) {
    if (got > limit) violations->AddGot(field, absl::StrCat("at most ", limit), got);
    return got <= limit;
  };
  bool good = at_most("overrides", kMaxOverrides, network.overrides_size());
  good &= at_most("events", kMaxEvents, network.events_size());
  for (const v1::NetworkEvent& event : network.events())
    good &= at_most("events.network.overrides", kMaxOverrides, event.network().overrides_size());
  good = good && at_most("events: overrides and traces of all states", kMaxUnrolled,
                         UnrolledOverrides(network));
  return good &&
         at_most("overrides and events times times of traces", kMaxTraceWork, TraceWork(network)) &&
         at_most("hosts times links of topologies", kMaxTopologyWork, TopologyWork(network));
}

}  // namespace

void CheckNetwork(const v1::NetworkProfile& network, std::optional<int> world_size,
                  Violations* violations) {
  if (!CheckCounts(network, violations)) return;
  CheckState(network, "", world_size, violations);
  CheckTimeline(network, world_size, violations);
}

absl::Status ValidateNetwork(const v1::NetworkProfile& network, std::optional<int> world_size,
                             const std::string& place) {
  Violations violations(place);
  CheckNetwork(network, world_size, &violations);
  return violations.ToStatus();
}

}  // namespace edgetp
