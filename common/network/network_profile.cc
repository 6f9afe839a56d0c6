#include "common/network/network_profile.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/network/access_link.h"
#include "common/network/topology_links.h"
#include "common/network/trace_config.h"

namespace edgetp {
namespace {

absl::Duration FromMicroseconds(double microseconds) {
  return absl::Nanoseconds(microseconds * 1e3);
}

JitterDistribution DistributionOf(const v1::LinkConfig& config) {
  switch (config.distribution()) {
    case v1::LinkConfig::DISTRIBUTION_UNIFORM:
      return JitterDistribution::kUniform;
    case v1::LinkConfig::DISTRIBUTION_PARETO:
      return JitterDistribution::kPareto;
    case v1::LinkConfig::DISTRIBUTION_QUANTILES:
      return JitterDistribution::kQuantiles;
    default:
      return JitterDistribution::kNormal;
  }
}

// Traces of one network are few, and long.
std::shared_ptr<const MahimahiTrace> TraceOf(const v1::LinkConfig& config,
                                             const LinkOptions* base) {
  // Validation has refused a trace without an end.
  const auto times_ms = TraceTimes(config);
  if (!times_ms.ok() || times_ms->empty()) return nullptr;
  auto trace = std::make_shared<MahimahiTrace>(*times_ms);
  const bool known = base != nullptr && base->trace != nullptr && *base->trace == *trace;
  return known ? base->trace : trace;
}

bool Matches(const v1::LinkOverride& rule, int source, int destination) {
  return (!rule.has_source() || rule.source() == source) &&
         (!rule.has_destination() || rule.destination() == destination);
}

absl::Status CheckRank(int rank, int world_size, const std::string& field) {
  if (rank >= 0 && rank < world_size) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "network profile: ", field, ": no such rank (rank=", rank, " world_size=", world_size, ")"));
}

absl::Status CheckOverrides(const v1::NetworkProfile& profile, int world_size) {
  for (int i = 0; i < profile.overrides_size(); ++i) {
    const v1::LinkOverride& rule = profile.overrides(i);
    const std::string field = absl::StrCat("overrides[", i, "]");
    if (rule.has_source()) RETURN_IF_ERROR(CheckRank(rule.source(), world_size, field + ".source"));
    if (rule.has_destination()) {
      RETURN_IF_ERROR(CheckRank(rule.destination(), world_size, field + ".destination"));
    }
  }
  return absl::OkStatus();
}

void ResolveOverrides(const v1::NetworkProfile& profile, int world_size, NetworkOptions* network) {
  if (profile.overrides_size() == 0) return;
  for (int source = 0; source < world_size; ++source) {
    for (int destination = 0; destination < world_size; ++destination) {
      v1::LinkConfig link = profile.link();
      if (source != destination && MergeOverrides(profile, source, destination, &link))
        network->overrides[{source, destination}] = ToLinkOptions(link, &network->link);
    }
  }
}

absl::StatusOr<std::vector<int>> PartitionGroups(const v1::NetworkProfile& profile,
                                                 int world_size) {
  std::vector<int> groups;
  if (profile.partition_size() == 0) return groups;
  const int rest = profile.partition_size();
  groups.assign(world_size, rest);
  for (int group = 0; group < rest; ++group) {
    for (const int rank : profile.partition(group).ranks()) {
      const std::string field = absl::StrCat("partition[", group, "].ranks");
      RETURN_IF_ERROR(CheckRank(rank, world_size, field));
      if (groups[rank] != rest) {
        return absl::InvalidArgumentError(absl::StrCat(
            "network profile: ", field, ": a rank is in two groups (rank=", rank, ")"));
      }
      groups[rank] = group;
    }
  }
  return groups;
}

}  // namespace

v1::LinkConfig MergeLinks(const v1::LinkConfig& base, const v1::LinkConfig& overriding) {
  v1::LinkConfig link = base;
  // MergeFrom would append the quantiles of one table to those of another.
  if (overriding.quantiles_size() > 0) link.clear_quantiles();
  const bool other_distribution =
      overriding.has_distribution() &&
      overriding.distribution() != v1::LinkConfig::DISTRIBUTION_QUANTILES;
  if (other_distribution) link.clear_quantiles();
  const bool traced = TraceSize(overriding) > 0 || overriding.has_trace_file();
  if (traced || overriding.has_rate_bits_per_second()) ClearCapacity(&link);
  link.MergeFrom(overriding);
  // An override cannot leave a limit out that the default link has: an infinite one is none.
  if (std::isinf(link.rate_bits_per_second())) link.clear_rate_bits_per_second();
  if (std::isinf(link.ingress_rate_bits_per_second())) link.clear_ingress_rate_bits_per_second();
  if (std::isinf(link.window_bytes())) link.clear_window_bytes();
  return link;
}

bool Covers(const v1::LinkOverride& wide, const v1::LinkOverride& narrow) {
  const bool source =
      !wide.has_source() || (narrow.has_source() && wide.source() == narrow.source());
  return source && (!wide.has_destination() ||
                    (narrow.has_destination() && wide.destination() == narrow.destination()));
}

bool MergeOverrides(const v1::NetworkProfile& profile, int source, int destination,
                    v1::LinkConfig* link) {
  bool changed = false;
  for (const v1::LinkOverride& rule : profile.overrides()) {
    if (!Matches(rule, source, destination)) continue;
    *link = MergeLinks(*link, rule.link());
    changed = true;
  }
  return changed;
}

void ClearCapacity(v1::LinkConfig* link) {
  link->clear_rate_bits_per_second();
  link->clear_trace_file();
  ClearTrace(link);
}

LinkOptions ToLinkOptions(const v1::LinkConfig& config, const LinkOptions* base) {
  LinkOptions link;
  link.delay = FromMicroseconds(config.delay_us());
  link.jitter = FromMicroseconds(config.jitter_us());
  link.distribution = DistributionOf(config);
  for (const v1::LinkConfig::Quantile& row : config.quantiles()) {
    link.quantiles.push_back({row.probability(), FromMicroseconds(row.jitter_us())});
  }
  link.correlation = config.correlation();
  link.loss = config.loss();
  link.rate_bits_per_second = config.rate_bits_per_second();
  link.trace = TraceOf(config, base);
  link.ingress_rate_bits_per_second = config.ingress_rate_bits_per_second();
  if (config.has_header_share()) link.header_share = config.header_share();
  link.window_bytes = std::isinf(config.window_bytes()) ? 0 : config.window_bytes();
  return link;
}

absl::StatusOr<NetworkOptions> ResolveNetwork(const v1::NetworkProfile& profile, int world_size) {
  RETURN_IF_ERROR(CheckOverrides(profile, world_size));
  NetworkOptions network;
  if (profile.has_name()) network.name = profile.name();
  if (profile.has_interface_sharing()) network.interface_sharing = profile.interface_sharing();
  network.shared_medium = profile.shared_medium();
  ASSIGN_OR_RETURN(network.partition_group, PartitionGroups(profile, world_size));
  network.interface_rate_bits_per_second = profile.interface_rate_bits_per_second();
  if (profile.hop() == v1::HOP_ACCESS) {
    ResolveAccessLinks(profile, world_size, &network);
    return network;
  }
  if (profile.has_topology()) {
    RETURN_IF_ERROR(ResolveTopology(profile, world_size, &network));
    return network;
  }
  network.link = ToLinkOptions(profile.link(), nullptr);
  ResolveOverrides(profile, world_size, &network);
  return network;
}

DevicePath PathBetweenDevices(const v1::NetworkProfile& profile) {
  v1::NetworkProfile every = profile;
  every.clear_overrides();
  every.clear_partition();
  every.clear_topology();
  // Without ranks there is nothing to reject.
  const NetworkOptions network = *ResolveNetwork(every, 2);
  const LinkOptions& link = network.link;
  double rate = link.trace == nullptr ? link.rate_bits_per_second : link.trace->MeanBitsPerSecond();
  rate = LowerRate(rate, link.ingress_rate_bits_per_second);
  if (network.shared_medium && profile.hop() == v1::HOP_ACCESS) rate = link.rate_bits_per_second;
  rate = LowerRate(rate, network.interface_rate_bits_per_second) / link.header_share;
  return {link.PathDelay(), LowerRate(rate, network.WindowRate(0, 1))};
}

}  // namespace edgetp
