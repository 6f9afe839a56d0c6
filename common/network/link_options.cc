#include "common/network/link_options.h"

namespace edgetp {

bool LinkOptions::Random() const {
  return loss > 0 || jitter > absl::ZeroDuration() ||
         distribution == JitterDistribution::kQuantiles;
}

bool LinkOptions::Unlimited() const {
  return delay <= absl::ZeroDuration() && !Random() && rate_bits_per_second == 0 &&
         trace == nullptr && ingress_rate_bits_per_second == 0;
}

const LinkOptions& NetworkOptions::Link(int source, int destination) const {
  if (overrides.empty()) return link;
  const auto found = overrides.find({source, destination});
  return found == overrides.end() ? link : found->second;
}

bool NetworkOptions::Connected(int source, int destination) const {
  return partition_group.empty() || partition_group[source] == partition_group[destination];
}

bool NetworkOptions::Random() const {
  if (link.Random()) return true;
  for (const auto& [pair, options] : overrides) {
    if (options.Random()) return true;
  }
  return false;
}

bool NetworkOptions::FollowsTrace() const {
  if (link.trace != nullptr) return true;
  for (const auto& [pair, options] : overrides) {
    if (options.trace != nullptr) return true;
  }
  return false;
}

bool NetworkOptions::Unlimited() const {
  if (!partition_group.empty() || !link.Unlimited()) return false;
  for (const auto& [pair, options] : overrides) {
    if (!options.Unlimited()) return false;
  }
  return true;
}

}  // namespace edgetp
