#include "common/network/impairment.h"

#include <algorithm>
#include <cmath>

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

double Polynomial(std::initializer_list<double> coefficients, double x) {
  double value = 0;
  for (const double coefficient : coefficients) value = value * x + coefficient;
  return value;
}

// Inverse of the standard normal distribution, relative error 1.2e-9. Source: P. J. Acklam, 2003.
double NormalQuantile(double p) {
  constexpr double kTail = 0.02425;
  if (p > 1 - kTail) return -NormalQuantile(1 - p);
  if (p < kTail) {
    const double q = std::sqrt(-2 * std::log(p));
    return Polynomial({-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838,
                       -2.549732539343734, 4.374664141464968, 2.938163982698783},
                      q) /
           Polynomial({7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996,
                       3.754408661907416, 1.0},
                      q);
  }
  const double q = p - 0.5;
  return q *
         Polynomial({-3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02,
                     1.383577518672690e+02, -3.066479806614716e+01, 2.506628277459239},
                    q * q) /
         Polynomial({-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                     6.680131188771972e+01, -1.328068155288572e+01, 1.0},
                    q * q);
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
  // Half of the generator's last bit: the inverses are infinite at 0 and 1.
  const double p = std::clamp(uniform, 0x1.0p-54, 1 - 0x1.0p-53);
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
