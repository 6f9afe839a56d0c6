// The one definition of time on the network: when does a message of n bytes, handed over at t,
// arrive? Passive and pure: `now` is an argument, waiting is somebody else's work. Read by the
// emulated transport (real time) and by the simulator (virtual time). Not thread-safe: one owner.
//
//   interface_start = max(t, interface_free[s])
//   interface_free  = interface_start + 8 n / interface_rate[s]
//   egress_start    = max(interface_start, link_free[s,d] or medium_free)
//   egress_end      = egress_start + 8 n / min(rate, interface_rate[s])
//   link_free       = egress_end                         (or all of this as a trace says)
//   first_bit       = egress_start + delay + jitter      (never before an earlier message
//   last_bit        = egress_end + delay + jitter         of the link)
//   ingress_end     = max(first_bit, ingress_free[d]) + 8 n / ingress_rate[d]
//   ingress_free[d] = ingress_end
//   arrival         = max(last_bit, ingress_end)
//
// Interface and link are two queues with a rate each: an interface passes a segment on to its link
// and is free for the next one, whatever the link takes. So a slow link delays its own messages and
// no others; on a shared medium, a device sends one segment at a time.
//
// Devices behind access links (HOP_ACCESS) are two hops apart: delay is the sum of both, each hop
// has a jitter of its own, and the access links are the interfaces: up is interface_rate[s], down
// ingress_rate[d]. On a shared medium a message is sent twice, so that its airtime is
// 8 n / up + 8 n / down.
//
// n is what travels: payload and headers (LinkOptions::header_share). Where a link has a window, its
// payload takes at least a window's share of an RTT: egress_end >= egress_start + payload / (window /
// RTT). That is the link's own time, not that of the interface or a medium.
//
// Where a link's way leads over trunks (trunks.h), a piece waits at each of them until those that
// were there before have passed; its sender does not notice. All of that counts as if it had waited
// before egress_start.
//
// Cut-through, FIFO per link. "Never before": the first bit of a message comes after the last bit
// of the one before it; what a message waits there for another's jitter counts as jitter.
// A link's trace begins with its first message under the profile.
// A partitioned link delivers at InfiniteFuture and leaves all queues alone.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "common/network/impairment.h"
#include "common/network/link_options.h"
#include "common/network/medium_arbiter.h"
#include "common/network/trunks.h"

namespace edgetp {

// What the network adds to one message besides queueing: drawn once per message, shared by its
// segments.
struct Impairment {
  absl::Duration jitter;          // of all hops; >= -delay
  absl::Duration retransmission;  // delay that loss shows on a reliable stream
};

// When a segment moves. Every term has its own name in metrics.
struct Departure {
  absl::Time handover;
  absl::Time egress_start;
  absl::Time first_bit;  // at the receiver's interface
  absl::Time last_bit;
  absl::Duration jitter;   // jitter and retransmission, contained in first_bit and last_bit
  absl::Duration ingress;  // 8 n / ingress_rate
  absl::Time egress_end;
};

class LinkModel {
 public:
  LinkModel(int world_size, NetworkOptions network, uint64_t seed);

  // Replaces the profile; what is queued stays queued. The world size stays.
  void SetNetwork(NetworkOptions network);
  const NetworkOptions& network() const { return network_; }

  // What message number `message` (0, 1, ... per link) meets. Depends on (seed, link, message) and,
  // where the profile has correlation, on the draw before it: call once per message, in order.
  // `bytes` decides how many packets can be lost. common/network/impairment.h has the formulas.
  Impairment Draw(int source, int destination, uint64_t message, int64_t bytes);

  // Time on a shared medium, that of both hops where there are two.
  absl::Duration Airtime(int source, int destination, int64_t bytes) const;

  // Hands a segment to the link and advances its queues. On a shared medium, `granted_start` is the
  // arbiter's answer; without it, this model is the arbiter, as it is of the trunks.
  Departure Depart(absl::Time handover, int source, int destination, int64_t bytes,
                   const Impairment& impairment,
                   std::optional<absl::Time> granted_start = std::nullopt);

  // The same in two steps, where another arbiter says between them what the segment waits for on its
  // trunks: it leaves, and it flies. The ranks are connected.
  struct Egress {
    absl::Time handover;
    absl::Time start;
    absl::Time end;
  };
  Egress Leave(absl::Time handover, int source, int destination, int64_t bytes,
               std::optional<absl::Time> granted_start = std::nullopt);
  Departure Fly(const Egress& egress, int source, int destination, int64_t bytes,
                const Impairment& impairment, absl::Duration trunk_wait);
  // What it passes; empty where the link's way has no trunk.
  std::vector<TrunkPassage> PassagesOf(int source, int destination, int64_t bytes) const;

  // When the receiver has the segment; advances the queue of its interface. Call in the order of
  // Depart per link.
  absl::Time Arrive(int source, int destination, const Departure& departure);

  // From then on, every queue is as if it had never been used.
  absl::Time busy_until() const { return busy_until_; }

 private:
  struct LinkState {
    absl::Time egress_free = absl::InfinitePast();
    absl::Time last_bit = absl::InfinitePast();      // of the latest message, at the receiver
    absl::Time ingress_free = absl::InfinitePast();  // where interfaces are not shared
    std::optional<absl::Time> trace_begin;
    std::optional<double> correlated[2];  // netem's memory by hop: the latest correlated uniform
  };

  // One direction of a device's interface, shared by its links.
  struct InterfaceState {
    InterfaceOptions options;
    absl::Time free = absl::InfinitePast();
    std::optional<absl::Time> trace_begin;
  };

  LinkState& State(int source, int destination);
  // What a link gets of what its ends can do; 0: unlimited.
  double LinkRate(int source, int destination, const LinkOptions& link) const;
  void TakeInterfaces();
  absl::Duration HopJitter(const HopOptions& hop, const MessageKey& key, int number);

  NetworkOptions network_;
  const uint64_t seed_;
  // By source, then by destination: those that were used. What one rank sends to all others lies
  // together.
  std::vector<absl::flat_hash_map<int, LinkState>> links_;
  std::vector<InterfaceState> egress_;   // by rank: the sending side of its interface
  std::vector<InterfaceState> ingress_;  // by rank: the receiving side
  absl::Time busy_until_ = absl::InfinitePast();
  MediumArbiter medium_;
  Trunks trunks_;
};

}  // namespace edgetp
