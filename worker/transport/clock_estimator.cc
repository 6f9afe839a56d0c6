#include "worker/transport/clock_estimator.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_format.h"

namespace edgetp {
namespace {

// So many bursts count, the newest: a minute or so, within which a clock hardly changes its drift.
constexpr size_t kMaxSamples = 32;
// By how much a clock's drift may change: temperature, and the time daemon. Limits loosen by this
// as they age.
constexpr double kWander = 1e-6;
// For the slope of the estimate: what lies between two renewals.
constexpr double kAhead = 1.0;
// More than any uptime.
constexpr absl::Duration kMaxUptime = absl::Hours(24 * 365 * 100);

bool Plausible(const ClockExchange& exchange) {
  const auto within = [](absl::Time time) {
    return absl::AbsDuration(time - absl::UnixEpoch()) < kMaxUptime;
  };
  return within(exchange.sent) && within(exchange.received) && within(exchange.answered) &&
         within(exchange.returned) && exchange.received <= exchange.answered &&
         exchange.returned - exchange.sent >= exchange.answered - exchange.received;
}

}  // namespace

absl::Status ClockEstimator::Add(const std::deque<ClockExchange>& burst) {
  const double infinity = std::numeric_limits<double>::infinity();
  Sample next{0, -infinity, infinity};
  for (const ClockExchange& exchange : burst) {
    if (!Plausible(exchange)) continue;
    if (!known() && next.most == infinity) {
      origin_ = exchange.sent;
      base_ = exchange.received - exchange.sent;
    }
    next.at = std::max(next.at, absl::ToDoubleSeconds(exchange.returned - origin_));
    next.most =
        std::min(next.most, absl::ToDoubleSeconds(exchange.received - exchange.sent - base_));
    next.least =
        std::max(next.least, absl::ToDoubleSeconds(exchange.answered - exchange.returned - base_));
  }
  if (next.most == infinity) return absl::OkStatus();
  double least = next.least;
  double most = next.most;
  for (const Sample& sample : samples_) {
    const double drifted = kMaxClockDrift * (next.at - sample.at);
    least = std::max(least, sample.least - drifted);
    most = std::min(most, sample.most + drifted);
  }
  if (least > most) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "a clock jumped by at least %.3g s within %.3g s; clocks of two hosts may drift apart by "
        "at most %.1f %% (was a host suspended, or its clock set?)",
        least - most, known() ? next.at - samples_.back().at : next.at, 100 * kMaxClockDrift));
  }
  samples_.push_back(next);
  if (samples_.size() > kMaxSamples) samples_.pop_front();
  Renew();
  return absl::OkStatus();
}

// By duality of linear programs in two variables: the greatest value of a line at `at` is set by one
// upper limit, and by what keeps the slope after it: the greatest drift, or one earlier lower limit.
ClockEstimator::Span ClockEstimator::SpanAt(double at, size_t first) const {
  const auto loosened = [this, at](size_t i) {
    const double age = kWander * (at - samples_[i].at);
    return Sample{samples_[i].at, samples_[i].least - age, samples_[i].most + age};
  };
  Span span{-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  for (size_t i = first; i < samples_.size(); ++i) {
    const Sample limit = loosened(i);
    double fastest = kMaxClockDrift;
    double slowest = -kMaxClockDrift;
    for (size_t j = first; j < i; ++j) {
      const Sample earlier = loosened(j);
      const double between = limit.at - earlier.at;
      if (between <= 0) continue;
      fastest = std::min(fastest, (limit.most - earlier.least) / between);
      slowest = std::max(slowest, (limit.least - earlier.most) / between);
    }
    span.most = std::min(span.most, limit.most + fastest * (at - limit.at));
    span.least = std::max(span.least, limit.least + slowest * (at - limit.at));
  }
  return span;
}

// Where no line respects all limits, a clock has changed its drift: the oldest ones no longer count.
void ClockEstimator::Renew() {
  at_ = samples_.back().at;
  Span now = SpanAt(at_, 0);
  Span then = SpanAt(at_ + kAhead, 0);
  while (samples_.size() > 1 && (now.least > now.most || then.least > then.most)) {
    samples_.pop_front();
    now = SpanAt(at_, 0);
    then = SpanAt(at_ + kAhead, 0);
  }
  offset_ = now.middle();
  bound_ = now.half();
  drift_ = (then.middle() - now.middle()) / kAhead;
  bound_growth_ = std::max(0.0, (then.half() - now.half()) / kAhead);
}

absl::Duration ClockEstimator::OffsetAt(absl::Time now) const {
  const double since = absl::ToDoubleSeconds(now - origin_) - at_;
  return base_ + absl::Seconds(offset_ + drift_ * since);
}

absl::Time ClockEstimator::ToMine(absl::Time theirs, absl::Time now) const {
  return theirs - OffsetAt(now);
}

absl::Duration ClockEstimator::BoundAt(absl::Time now) const {
  const double since = absl::ToDoubleSeconds(now - origin_) - at_;
  return absl::Seconds(bound_ + bound_growth_ * std::max(0.0, since));
}

}  // namespace edgetp
