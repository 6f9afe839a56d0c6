#include "common/network/access_link.h"

#include <algorithm>
#include <vector>

#include "common/network/network_profile.h"
#include "common/network/trace_config.h"

namespace edgetp {
namespace {

// One direction of one device's access link.
struct AccessHop {
  HopOptions hop;
  double loss = 0;
  InterfaceOptions capacity;
  double header_share = 1;
  double window_bytes = 0;
};

AccessHop Uplink(const v1::LinkConfig& config, const LinkOptions& base,
                 double interface_rate_bits_per_second) {
  const LinkOptions link = ToLinkOptions(config, &base);
  return {link,
          link.loss,
          {LowerRate(link.rate_bits_per_second, interface_rate_bits_per_second), link.trace},
          link.header_share,
          link.window_bytes};
}

AccessHop Downlink(const v1::LinkConfig& config, const LinkOptions& base,
                   double interface_rate_bits_per_second) {
  const LinkOptions link = ToLinkOptions(config, &base);
  const double own = link.ingress_rate_bits_per_second;
  const double rate = own > 0 ? own : link.rate_bits_per_second;
  return {link,
          link.loss,
          {LowerRate(rate, interface_rate_bits_per_second), nullptr},
          link.header_share,
          link.window_bytes};
}

LinkOptions Compose(const AccessHop& up, const AccessHop& down, bool shared_medium) {
  LinkOptions path;
  static_cast<HopOptions&>(path) = up.hop;
  path.second_hop = std::make_shared<HopOptions>(down.hop);
  path.loss = 1 - (1 - up.loss) * (1 - down.loss);
  path.trace = up.capacity.trace;
  path.rate_bits_per_second = up.capacity.rate_bits_per_second;
  path.ingress_rate_bits_per_second = down.capacity.rate_bits_per_second;
  // One connection from end to end.
  path.header_share = std::max(up.header_share, down.header_share);
  path.window_bytes = LowerRate(up.window_bytes, down.window_bytes);
  if (!shared_medium) return path;
  // The two hops take turns on the air: together they are as slow as one link of this rate.
  const double up_rate = up.capacity.rate_bits_per_second;
  const double down_rate = down.capacity.rate_bits_per_second;
  if (up_rate > 0 && down_rate > 0) path.rate_bits_per_second = 1 / (1 / up_rate + 1 / down_rate);
  return path;
}

// The present fields of `change` are the path's, both hops together.
LinkOptions ChangePath(const LinkOptions& path, const v1::LinkConfig& change) {
  const LinkOptions changed = ToLinkOptions(change, nullptr);
  LinkOptions out = path;
  HopOptions second = *path.second_hop;
  if (change.has_delay_us()) {
    const absl::Duration before = path.PathDelay();
    const double first_share =
        before > absl::ZeroDuration() ? absl::FDivDuration(path.delay, before) : 1;
    out.delay = changed.delay * first_share;
    second.delay = changed.delay - out.delay;
  }
  if (change.has_jitter_us() || change.has_distribution() || change.quantiles_size() > 0) {
    // One draw for the whole way.
    out.jitter = changed.jitter;
    out.distribution = changed.distribution;
    out.quantiles = changed.quantiles;
    out.correlation = changed.correlation;
    out.delay += second.delay;
    second = HopOptions();
  }
  out.second_hop = std::make_shared<HopOptions>(second);
  if (change.has_loss()) out.loss = changed.loss;
  if (change.has_header_share()) out.header_share = changed.header_share;
  if (change.has_window_bytes()) out.window_bytes = changed.window_bytes;
  if (change.has_rate_bits_per_second() || TraceSize(change) > 0) {
    out.rate_bits_per_second = changed.rate_bits_per_second;
    out.trace = changed.trace;
  }
  return out;
}

// The access links of all ranks, as configs: up and down.
class AccessLinks {
 public:
  AccessLinks(const v1::NetworkProfile& profile, int world_size)
      : every_(profile.link()),
        up_(world_size, every_),
        down_(world_size, every_),
        own_up_(world_size, false),
        own_down_(world_size, false) {
    for (const v1::LinkOverride& change : profile.overrides()) Apply(change);
  }

  const v1::LinkConfig& every() const { return every_; }
  const v1::LinkConfig& up(int rank) const { return up_[rank]; }
  const v1::LinkConfig& down(int rank) const { return down_[rank]; }
  // True if the pair's path is not that of every pair.
  bool Differs(int source, int destination) const {
    return own_up_[source] || own_down_[destination];
  }

 private:
  void Apply(const v1::LinkOverride& change) {
    const v1::LinkConfig& link = change.link();
    if (change.has_source() && change.has_destination()) return;
    if (change.has_source()) {
      up_[change.source()] = MergeLinks(up_[change.source()], link);
      own_up_[change.source()] = true;
    } else if (change.has_destination()) {
      v1::LinkConfig& down = down_[change.destination()];
      down = MergeLinks(down, link);
      if (link.has_rate_bits_per_second()) down.clear_ingress_rate_bits_per_second();
      own_down_[change.destination()] = true;
    } else {
      every_ = MergeLinks(every_, link);
      for (v1::LinkConfig& config : up_) config = MergeLinks(config, link);
      for (v1::LinkConfig& config : down_) config = MergeLinks(config, link);
    }
  }

  v1::LinkConfig every_;
  std::vector<v1::LinkConfig> up_;
  std::vector<v1::LinkConfig> down_;
  std::vector<bool> own_up_;
  std::vector<bool> own_down_;
};

}  // namespace

void ResolveAccessLinks(const v1::NetworkProfile& profile, int world_size,
                        NetworkOptions* network) {
  const AccessLinks links(profile, world_size);
  const LinkOptions base = ToLinkOptions(links.every(), nullptr);
  const double interface_rate = network->interface_rate_bits_per_second;
  const bool medium = network->shared_medium;
  std::vector<AccessHop> up;
  std::vector<AccessHop> down;
  for (int rank = 0; rank < world_size; ++rank) {
    up.push_back(Uplink(links.up(rank), base, interface_rate));
    down.push_back(Downlink(links.down(rank), base, interface_rate));
    network->uplinks.push_back(up.back().capacity);
    network->downlinks.push_back(down.back().capacity);
  }
  network->link = Compose(Uplink(links.every(), base, interface_rate),
                          Downlink(links.every(), base, interface_rate), medium);
  for (int source = 0; source < world_size; ++source) {
    for (int destination = 0; destination < world_size; ++destination) {
      if (source == destination || !links.Differs(source, destination)) continue;
      network->overrides[{source, destination}] = Compose(up[source], down[destination], medium);
    }
  }
  for (const v1::LinkOverride& change : profile.overrides()) {
    if (!change.has_source() || !change.has_destination()) continue;
    const std::pair<int, int> pair(change.source(), change.destination());
    network->overrides[pair] = ChangePath(network->Link(pair.first, pair.second), change.link());
  }
}

}  // namespace edgetp
