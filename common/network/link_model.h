// The one definition of time on the network: when does a message of n bytes, handed over at t, arrive? Passive and pure:
// `now` is an argument, waiting is somebody else's work. Read by the emulated transport (real time) and by the simulator
// (virtual time). Not thread-safe: one owner each.
//
//   egress_start = max(t, link_free[s,d], egress_free[s] or medium_free)
//   egress_end   = egress_start + 8 n / rate
//   first_bit    = egress_start + delay + jitter;  last_bit = egress_end + delay + jitter   (never before an earlier message of the link)
//   arrival      = max(last_bit, max(first_bit, ingress_free[d]) + 8 n / ingress_rate)      (cut-through, FIFO per link)
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace edgetp {

enum class JitterDistribution { kUniform, kNormal, kPareto, kQuantiles };

struct JitterQuantile {
  double probability = 0;
  absl::Duration jitter;
};

// A directed link. Absent rates are 0 here: unlimited.
struct LinkOptions {
  absl::Duration delay;
  absl::Duration jitter;
  JitterDistribution distribution = JitterDistribution::kNormal;
  std::vector<JitterQuantile> quantiles;
  double correlation = 0;
  double loss = 0;  // per packet
  double rate_bits_per_second = 0;
  double ingress_rate_bits_per_second = 0;  // 0: as rate
};

// What the network adds to one message besides queueing: drawn once per message, shared by its segments.
struct Impairment {
  absl::Duration jitter;          // >= -delay
  absl::Duration retransmission;  // delay that loss shows on a reliable stream
};

// When a segment moves. Every term has its own name in metrics.
struct Departure {
  absl::Time handover;
  absl::Time egress_start;
  absl::Time first_bit;     // at the receiver's interface
  absl::Time last_bit;
  absl::Duration jitter;    // jitter and retransmission, contained in first_bit and last_bit
  absl::Duration ingress;   // 8 n / ingress_rate
};

// A NetworkProfile, resolved for the ranks of a run.
struct NetworkOptions {
  std::string name = "none";
  LinkOptions link;                                          // of every pair that has no override
  std::map<std::pair<int, int>, LinkOptions> overrides;      // by (source, destination)
  bool interface_sharing = true;
  bool shared_medium = false;
  std::vector<int> partition_group;  // by rank; ranks of different groups cannot reach one another; empty: no partition

  const LinkOptions& Link(int source, int destination) const;
  bool Connected(int source, int destination) const;
  // True if no message is ever delayed: nothing needs to be stamped or held.
  bool Unlimited() const;
};

class LinkModel {
 public:
  LinkModel(int world_size, NetworkOptions network, uint64_t seed);

  // Replaces the profile; what is queued stays queued.
  void SetNetwork(NetworkOptions network);
  const NetworkOptions& network() const { return network_; }

  // What message number `message` (0, 1, ... per link) meets. Depends on (seed, link, message) and, where the profile
  // has correlation, on the draw before it. `bytes` decides how many packets can be lost.
  Impairment Draw(int source, int destination, uint64_t message, int64_t bytes);

  // Time on a shared medium, or on the wire of a link: 8 n / rate.
  absl::Duration Airtime(int source, int destination, int64_t bytes) const;

  // Hands a segment to the link and advances its queues. On a shared medium, `granted_start` is the arbiter's answer;
  // without it, this model is the arbiter.
  Departure Depart(absl::Time handover, int source, int destination, int64_t bytes,
                   const Impairment& impairment, std::optional<absl::Time> granted_start = std::nullopt);

  // When the receiver has the segment; advances the queue of its interface. Call in the order of Depart per link.
  absl::Time Arrive(int source, int destination, const Departure& departure);

 private:
  NetworkOptions network_;
};

}  // namespace edgetp
