#include "common/network/link_options.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace edgetp {
namespace {

// What the links of one side of a device ask of its interface.
class SideOfLinks {
 public:
  void Add(double rate_bits_per_second, const std::shared_ptr<const MahimahiTrace>& trace) {
    const bool follows = trace != nullptr;
    one_trace_ = one_trace_ && follows && (links_ == 0 || trace == trace_);
    trace_ = trace;
    ++links_;
    // An interface is no bottleneck beside links that change; only one trace for all of them is.
    if (follows || rate_bits_per_second == 0) unlimited_ = true;
    fastest_ = std::max(fastest_, rate_bits_per_second);
  }

  InterfaceOptions Interface() const {
    if (links_ > 0 && one_trace_) return {0, trace_};
    return {unlimited_ ? 0 : fastest_, nullptr};
  }

 private:
  int links_ = 0;
  bool one_trace_ = true;
  bool unlimited_ = false;
  double fastest_ = 0;
  std::shared_ptr<const MahimahiTrace> trace_;
};

using AddLink = std::function<void(const LinkOptions& link, SideOfLinks* side)>;

// `own`: which end of a pair the device is.
std::vector<InterfaceOptions> FastestLinks(const NetworkOptions& network, int world_size,
                                           int std::pair<int, int>::*own, const AddLink& add) {
  std::vector<SideOfLinks> sides(world_size);
  std::vector<int> overridden(world_size, 0);
  for (const auto& [pair, link] : network.overrides) {
    // A network that was made for more ranks.
    if (std::max(pair.first, pair.second) >= world_size) continue;
    add(link, &sides[pair.*own]);
    ++overridden[pair.*own];
  }
  std::vector<InterfaceOptions> interfaces;
  for (int rank = 0; rank < world_size; ++rank) {
    if (overridden[rank] < world_size - 1 || world_size == 1) add(network.link, &sides[rank]);
    interfaces.push_back(sides[rank].Interface());
  }
  return interfaces;
}

}  // namespace

double LowerRate(double rate_bits_per_second, double other) {
  if (rate_bits_per_second == 0 || other == 0) return std::max(rate_bits_per_second, other);
  return std::min(rate_bits_per_second, other);
}

bool LinkOptions::Random() const {
  return loss > 0 || HasJitter() || (second_hop != nullptr && second_hop->HasJitter());
}

bool LinkOptions::Unlimited() const {
  return PathDelay() <= absl::ZeroDuration() && !Random() && rate_bits_per_second == 0 &&
         trace == nullptr && ingress_rate_bits_per_second == 0;
}

int64_t LinkOptions::OnWire(int64_t bytes) const {
  return header_share == 1 ? bytes : std::llround(static_cast<double>(bytes) * header_share);
}

double NetworkOptions::WindowRate(int source, int destination) const {
  const LinkOptions& forth = Link(source, destination);
  if (forth.window_bytes == 0) return 0;
  const absl::Duration rtt = forth.PathDelay() + Link(destination, source).PathDelay();
  if (rtt <= absl::ZeroDuration()) return 0;
  return 8 * forth.window_bytes / absl::ToDoubleSeconds(rtt);
}

double NetworkOptions::PayloadRate(int source, int destination) const {
  const LinkOptions& forth = Link(source, destination);
  return LowerRate(forth.rate_bits_per_second / forth.header_share,
                   WindowRate(source, destination));
}

const LinkOptions& NetworkOptions::Link(int source, int destination) const {
  if (overrides.empty()) return link;
  const auto found = overrides.find({source, destination});
  return found == overrides.end() ? link : found->second;
}

bool NetworkOptions::Connected(int source, int destination) const {
  return partition_group.empty() || partition_group[source] == partition_group[destination];
}

std::vector<InterfaceOptions> NetworkOptions::EgressInterfaces(int world_size) const {
  if (!uplinks.empty()) return uplinks;
  if (interface_rate_bits_per_second > 0)
    return std::vector<InterfaceOptions>(world_size, {interface_rate_bits_per_second, nullptr});
  return FastestLinks(*this, world_size, &std::pair<int, int>::first,
                      [](const LinkOptions& link, SideOfLinks* side) {
                        side->Add(link.rate_bits_per_second, link.trace);
                      });
}

std::vector<InterfaceOptions> NetworkOptions::IngressInterfaces(int world_size) const {
  if (!downlinks.empty()) return downlinks;
  if (interface_rate_bits_per_second > 0)
    return std::vector<InterfaceOptions>(world_size, {interface_rate_bits_per_second, nullptr});
  // A trace is where bytes leave; what they arrive at has a rate, or no limit.
  return FastestLinks(*this, world_size, &std::pair<int, int>::second,
                      [](const LinkOptions& link, SideOfLinks* side) {
                        const double own = link.ingress_rate_bits_per_second;
                        side->Add(own > 0 ? own : link.rate_bits_per_second, nullptr);
                      });
}

template <typename Predicate>
bool NetworkOptions::AnyLink(Predicate holds) const {
  return holds(link) || std::any_of(overrides.begin(), overrides.end(),
                                    [&](const auto& row) { return holds(row.second); });
}

bool NetworkOptions::Random() const {
  return AnyLink([](const LinkOptions& options) { return options.Random(); });
}

bool NetworkOptions::FollowsTrace() const {
  return AnyLink([](const LinkOptions& options) { return options.trace != nullptr; }) ||
         std::any_of(uplinks.begin(), uplinks.end(),
                     [](const InterfaceOptions& uplink) { return uplink.trace != nullptr; });
}

bool NetworkOptions::Unlimited() const {
  if (!partition_group.empty() || interface_rate_bits_per_second > 0) return false;
  return !AnyLink([](const LinkOptions& options) { return !options.Unlimited(); });
}

}  // namespace edgetp
