// The network as plain numbers: links, and a NetworkProfile resolved for the ranks of a run.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/network/mahimahi_trace.h"

namespace edgetp {

enum class JitterDistribution { kUniform, kNormal, kPareto, kQuantiles };

struct JitterQuantile {
  double probability = 0;
  absl::Duration jitter;
};

// What a message meets on one hop of its way, besides queues and rates.
struct HopOptions {
  absl::Duration delay;
  absl::Duration jitter;
  JitterDistribution distribution = JitterDistribution::kNormal;
  std::vector<JitterQuantile> quantiles;
  double correlation = 0;

  bool HasJitter() const {
    return jitter > absl::ZeroDuration() || distribution == JitterDistribution::kQuantiles;
  }
};

// Where a link's way leads over one of NetworkOptions::trunks.
struct TrunkUse {
  int trunk = 0;
  absl::Duration offset;            // delay from the sender to it
  double rate_bits_per_second = 0;  // of the trunk
};

// A directed link: one hop, or two where both devices are behind access links. Absent rates are 0
// here: unlimited.
struct LinkOptions : HopOptions {
  std::shared_ptr<const HopOptions> second_hop;  // null: there is none
  double loss = 0;                               // per packet, of all hops together
  double rate_bits_per_second = 0;
  std::shared_ptr<const MahimahiTrace> trace;  // in place of the rate
  double ingress_rate_bits_per_second = 0;     // 0: as rate
  double header_share = 1;  // bytes that travel for each byte of payload; rates are those of all bytes
  double window_bytes = 0;  // of payload under way until it is acknowledged; 0: no limit
  std::vector<TrunkUse> trunks;  // in order

  // What a payload of `bytes` takes of the link, headers included.
  int64_t OnWire(int64_t bytes) const;
  // Of all hops together: delay of the whole way, one way.
  absl::Duration PathDelay() const {
    return second_hop == nullptr ? delay : delay + second_hop->delay;
  }
  // True if messages meet random delays.
  bool Random() const;
  // True if a message takes no time.
  bool Unlimited() const;
};

// One direction of a device's network interface. Neither: unlimited; both: the slower one.
struct InterfaceOptions {
  double rate_bits_per_second = 0;
  std::shared_ptr<const MahimahiTrace> trace;
};

// The lower of two rates of which 0 is unlimited.
double LowerRate(double rate_bits_per_second, double other);

// A NetworkProfile, resolved for the ranks of a run.
struct NetworkOptions {
  std::string name = "none";
  LinkOptions link;                                      // of every pair that has no override
  std::map<std::pair<int, int>, LinkOptions> overrides;  // by (source, destination)
  bool interface_sharing = true;
  // Of each device's own interface, in each direction; 0: the fastest of its links.
  double interface_rate_bits_per_second = 0;
  // By rank, where devices have access links, or are hosts of a topology: what their interfaces are
  // then. Else empty.
  std::vector<InterfaceOptions> uplinks;
  std::vector<InterfaceOptions> downlinks;
  bool shared_medium = false;
  // Links inside of a topology that several pairs share, by name ("switch-0>switch-1"); each is one
  // queue. LinkOptions::trunks has their numbers.
  std::vector<std::string> trunks;
  std::vector<int> partition_group;  // by rank; ranks of different groups cannot reach one another;
                                     // empty: no partition

  const LinkOptions& Link(int source, int destination) const;
  // How fast payload goes at most because of the link's window: once per RTT, which is the delay there
  // and back, without jitter. 0: no limit.
  double WindowRate(int source, int destination) const;
  // How fast the payload of a lone message goes: what link and window leave; 0: unlimited. A trace
  // is not in it.
  double PayloadRate(int source, int destination) const;
  bool Connected(int source, int destination) const;
  // The sending and the receiving side of every rank's interface, where it is shared by its links.
  // A trace is an interface's where all links of that side follow it.
  std::vector<InterfaceOptions> EgressInterfaces(int world_size) const;
  std::vector<InterfaceOptions> IngressInterfaces(int world_size) const;
  // True if messages of any link meet random delays.
  bool Random() const;
  // True if what a message takes depends on when it is sent.
  bool FollowsTrace() const;
  // True if it matters in which order different senders send: they share more than their receivers.
  bool SendersShare() const { return shared_medium || !trunks.empty(); }
  // True if no message is ever delayed: nothing needs to be stamped or held.
  bool Unlimited() const;

 private:
  template <typename Predicate>
  bool AnyLink(Predicate holds) const;
};

}  // namespace edgetp
