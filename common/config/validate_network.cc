// The rules of network profiles; those of everything else are in validate.cc.
#include <cmath>
#include <set>
#include <string>

#include "common/config/validate.h"
#include "common/config/violations.h"

namespace edgetp {
namespace {

// An hour: no link's delay; above it, sums of times could leave their types.
constexpr double kMaxDelayUs = 3.6e9;

void CheckQuantiles(const v1::LinkConfig& link, const std::string& path, Violations* violations) {
  const bool wanted = link.distribution() == v1::LinkConfig::DISTRIBUTION_QUANTILES;
  const std::string field = path + ".quantiles";
  if (!wanted && link.quantiles_size() > 0)
    violations->Add(field, "need distribution: DISTRIBUTION_QUANTILES");
  if (wanted && link.quantiles_size() < 2) {
    violations->AddGot(field, "distribution: DISTRIBUTION_QUANTILES needs at least two of them",
                       link.quantiles_size());
  }
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
}

void CheckRank(const std::string& field, int rank, std::optional<int> world_size,
               Violations* violations) {
  if (rank < 0) violations->AddGot(field, "a rank must be at least 0", rank);
  if (world_size.has_value() && rank >= *world_size) {
    violations->AddGot(field, absl::StrCat("a rank must be below workers=", *world_size), rank);
  }
}

void CheckOverride(const v1::NetworkProfile& network, int index, std::optional<int> world_size,
                   Violations* violations) {
  const v1::LinkOverride& override = network.overrides(index);
  const std::string path = absl::StrCat("overrides[", index, "]");
  if (override.has_source()) CheckRank(path + ".source", override.source(), world_size, violations);
  if (override.has_destination())
    CheckRank(path + ".destination", override.destination(), world_size, violations);
  if (override.has_source() && override.has_destination() &&
      override.source() == override.destination()) {
    violations->AddGot(path, "source and destination must differ", override.source());
  }
  if (!override.has_link()) violations->Add(path + ".link", "must be set");
  CheckLink(MergeLinks(network.link(), override.link()), path + ".link", violations);
}

void CheckPartition(const v1::NetworkProfile& network, std::optional<int> world_size,
                    Violations* violations) {
  std::set<int> seen;
  for (int i = 0; i < network.partition_size(); ++i) {
    const std::string field = absl::StrCat("partition[", i, "].ranks");
    if (network.partition(i).ranks_size() == 0)
      violations->Add(field, "must name at least one rank");
    for (int rank : network.partition(i).ranks()) {
      CheckRank(field, rank, world_size, violations);
      if (!seen.insert(rank).second)
        violations->AddGot(field, "a rank must be in one group only", rank);
    }
  }
}

}  // namespace

v1::LinkConfig MergeLinks(const v1::LinkConfig& base, const v1::LinkConfig& overriding) {
  v1::LinkConfig link = base;
  if (overriding.quantiles_size() > 0) link.clear_quantiles();
  const bool other_distribution =
      overriding.has_distribution() &&
      overriding.distribution() != v1::LinkConfig::DISTRIBUTION_QUANTILES;
  if (other_distribution) link.clear_quantiles();
  link.MergeFrom(overriding);
  return link;
}

void CheckNetwork(const v1::NetworkProfile& network, std::optional<int> world_size,
                  Violations* violations) {
  CheckLink(network.link(), "link", violations);
  for (int i = 0; i < network.overrides_size(); ++i)
    CheckOverride(network, i, world_size, violations);
  CheckPartition(network, world_size, violations);
  if (network.shared_medium() && !network.link().has_rate_bits_per_second()) {
    violations->Add("link.rate_bits_per_second",
                    "a shared_medium needs a rate: it is what the members share");
  }
}

absl::Status ValidateNetwork(const v1::NetworkProfile& network, std::optional<int> world_size,
                             const std::string& place) {
  Violations violations(place);
  CheckNetwork(network, world_size, &violations);
  return violations.ToStatus();
}

}  // namespace edgetp
