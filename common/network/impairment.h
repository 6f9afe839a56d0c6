// Jitter and loss of one message: random, and yet a function of (seed, link, message number) alone.
// Pure.
//
// Jitter follows netem: a uniform number u is correlated with that of the message before,
//
//   u' = (1 - correlation) u + correlation u'_before
//
// and goes through the inverse of the distribution. Normal and Pareto have mean 0 and
// standard deviation `jitter`; Pareto (shape 3) has netem's heavy upper tail and never goes below
// -0.58 jitter. delay + jitter is never negative. Where a way has two hops, each has a jitter of its
// own.
//
// Loss is the delay that a reliable stream (TCP) from end to end shows. A message travels as packets of 1448 bytes;
// each is lost with probability `loss`, and so is each retransmission. All losses of one
// transmission are repaired together, one round after another. A round takes one RTT (2 delay) by
// fast retransmit, or RTO = max(200 ms, 2 RTT) where one of the last three packets of the
// transmission was lost: too few packets follow it to cause three duplicate ACKs. Deliberately left
// out: the congestion window (rate stays as configured), back-off of the RTO, and packets of later
// messages.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "common/network/link_options.h"

namespace edgetp {

// Payload of an Ethernet frame of 1500 bytes after IPv4 and TCP headers with timestamps.
inline constexpr int64_t kPacketBytes = 1448;

// Which message of which link; the key of its random numbers.
struct MessageKey {
  uint64_t seed = 0;
  int source = 0;
  int destination = 0;
  uint64_t message = 0;
};

// The uniform number in [0, 1) behind a message's jitter on hop 0 or 1 of its way, before
// correlation.
double JitterUniform(const MessageKey& key, int hop = 0);

// The jitter at `uniform` of the hop's distribution, at least -delay.
absl::Duration JitterAt(const HopOptions& hop, double uniform);

// What losses add to a message of `bytes`.
absl::Duration RetransmissionDelay(const LinkOptions& link, const MessageKey& key, int64_t bytes);

// How long a round takes that no duplicate ACK begins.
absl::Duration RetransmissionTimeout(const LinkOptions& link);

// How many rounds of retransmission `packets` need: the smallest k with
//   (1 - loss^(k+1))^packets > uniform
int RetransmissionRounds(double loss, int64_t packets, double uniform);

// How probable it is that one of the last three of `packets` was lost, given that any was.
double TimeoutProbability(double loss, int64_t packets);

}  // namespace edgetp
