#include "common/network/impairment.h"

#include <algorithm>
#include <cmath>

#include "common/base/normal.h"
#include "common/base/random.h"

namespace edgetp {
namespace {

// Which number of a message: the draws must not depend on one another.
// kTimeoutStream has one for each of up to kMaxRounds rounds.
enum Stream : uint64_t {
  kJitterStream = 0,
  kRoundsStream = 1,
  kTimeoutStream = 2,
  kSecondHopStream = 64,
};

// A reliable stream gives up after about this many retransmissions (Linux: tcp_retries2).
constexpr int kMaxRounds = 15;

constexpr int64_t kDuplicateAcks = 3;

double Draw(const MessageKey& key, uint64_t stream) {
  const uint64_t link =
      (static_cast<uint64_t>(key.source) << 32) | static_cast<uint32_t>(key.destination);
  return ToUnit(RandomBits(key.seed, link, key.message, stream));
}

// Shape 3, shifted and scaled to mean 0 and standard deviation 1: as netem's table of that name is
// meant to be.
double ParetoQuantile(double p) { return (std::pow(1 - p, -1.0 / 3) - 1.5) / std::sqrt(0.75); }

absl::Duration TableQuantile(const std::vector<JitterQuantile>& table, double p) {
  if (table.empty()) return absl::ZeroDuration();
  const auto above = std::find_if(table.begin(), table.end(),
                                  [p](const JitterQuantile& row) { return row.probability >= p; });
  if (above == table.begin()) return table.front().jitter;
  if (above == table.end()) return table.back().jitter;
  const auto below = above - 1;
  const double weight = (p - below->probability) / (above->probability - below->probability);
  return below->jitter + weight * (above->jitter - below->jitter);
}

absl::Duration UnboundedJitter(const HopOptions& hop, double uniform) {
  const double p = InsideUnit(uniform);
  switch (hop.distribution) {
    case JitterDistribution::kUniform:
      return hop.jitter * (2 * uniform - 1);
    case JitterDistribution::kNormal:
      return hop.jitter * NormalQuantile(p);
    case JitterDistribution::kPareto:
      return hop.jitter * ParetoQuantile(p);
    case JitterDistribution::kQuantiles:
      return TableQuantile(hop.quantiles, uniform);
  }
  return absl::ZeroDuration();
}

}  // namespace

double JitterUniform(const MessageKey& key, int hop) {
  return Draw(key, hop == 0 ? kJitterStream : kSecondHopStream);
}

absl::Duration JitterAt(const HopOptions& hop, double uniform) {
  if (!hop.HasJitter()) return absl::ZeroDuration();
  return std::max(-hop.delay, UnboundedJitter(hop, uniform));
}

int RetransmissionRounds(double loss, int64_t packets, double uniform) {
  if (loss <= 0 || packets <= 0) return 0;
  if (loss >= 1) return kMaxRounds;
  // (1 - loss^(k+1))^packets > uniform, solved for k without losing the small numbers.
  const double per_packet = -std::expm1(std::log(uniform) / static_cast<double>(packets));
  const double transmissions = std::log(per_packet) / std::log(loss);
  if (!(transmissions < kMaxRounds)) return kMaxRounds;
  return std::max(0, static_cast<int>(std::floor(transmissions)));
}

double TimeoutProbability(double loss, int64_t packets) {
  const auto any_lost = [loss](int64_t count) {
    return -std::expm1(static_cast<double>(count) * std::log1p(-loss));
  };
  return any_lost(std::min(packets, kDuplicateAcks)) / any_lost(packets);
}

absl::Duration RetransmissionTimeout(const LinkOptions& link) {
  return std::max(absl::Milliseconds(200), 4 * link.PathDelay());
}

absl::Duration RetransmissionDelay(const LinkOptions& link, const MessageKey& key, int64_t bytes) {
  if (link.loss <= 0) return absl::ZeroDuration();
  const absl::Duration rtt = 2 * link.PathDelay();
  const absl::Duration rto = RetransmissionTimeout(link);
  int64_t packets = (bytes + kPacketBytes - 1) / kPacketBytes;
  const int rounds = RetransmissionRounds(link.loss, packets, Draw(key, kRoundsStream));
  absl::Duration delay;
  for (int round = 0; round < rounds; ++round) {
    const bool timeout = Draw(key, kTimeoutStream + round) < TimeoutProbability(link.loss, packets);
    delay += timeout ? rto : rtt;
    // The next transmission carries what was lost of this one: at least a packet.
    packets = std::max<int64_t>(1, std::llround(static_cast<double>(packets) * link.loss));
  }
  return delay;
}

}  // namespace edgetp
