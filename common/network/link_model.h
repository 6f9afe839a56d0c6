// The one definition of time on the network: when does a message of n bytes, handed over at t,
// arrive? Passive and pure: `now` is an argument, waiting is somebody else's work. Read by the
// emulated transport (real time) and by the simulator (virtual time). Not thread-safe: one owner.
//
//   egress_start = max(t, link_free[s,d], egress_free[s] or medium_free)
//   egress_end   = egress_start + 8 n / rate            (or as the link's trace says)
//   first_bit    = egress_start + delay + jitter         (not before an earlier message of the link)
//   last_bit     = egress_end + delay + jitter
//   arrival      = max(last_bit, max(first_bit, ingress_free[d]) + 8 n / ingress_rate)
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
#include "common/network/link_options.h"
#include "common/network/medium_arbiter.h"

namespace edgetp {

// What the network adds to one message besides queueing: drawn once per message, shared by its
// segments.
struct Impairment {
  absl::Duration jitter;          // >= -delay
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

  // Time on a shared medium: 8 n / rate.
  absl::Duration Airtime(int source, int destination, int64_t bytes) const;

  // Hands a segment to the link and advances its queues. On a shared medium, `granted_start` is the
  // arbiter's answer; without it, this model is the arbiter.
  Departure Depart(absl::Time handover, int source, int destination, int64_t bytes,
                   const Impairment& impairment,
                   std::optional<absl::Time> granted_start = std::nullopt);

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
    std::optional<double> correlated;  // netem's memory: the latest correlated uniform
  };

  LinkState& State(int source, int destination);
  static absl::Time EgressEnd(const LinkOptions& link, absl::Time start, int64_t bytes,
                              LinkState* state);

  NetworkOptions network_;
  const uint64_t seed_;
  // By source, then by destination: those that were used. What one rank sends to all others lies
  // together.
  std::vector<absl::flat_hash_map<int, LinkState>> links_;
  std::vector<absl::Time> egress_free_;   // by rank: the sending side of its interface
  std::vector<absl::Time> ingress_free_;  // by rank: the receiving side
  absl::Time busy_until_ = absl::InfinitePast();
  MediumArbiter medium_;
};

}  // namespace edgetp
