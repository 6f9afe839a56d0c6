// How far another host's monotonic clock is ahead of this one's, from exchanges of four time stamps
// (RFC 5905, section 8). Used by host_clocks. Pure: all times are arguments. Not thread-safe.
//
// No delay is negative, so each exchange sets two limits that hold however asymmetric the way is:
// the offset is at most received - sent, and at least answered - returned. Between exchanges the
// offset moves along a line: clocks drift, but hardly change their drift. The offset at any time is
// between the least and the greatest value of all lines that respect all limits (Zhang, Liu, Xia:
// "Clock Synchronization Algorithms for Network Measurements", INFOCOM 2002); the estimate is the
// middle, and the bound half of the span. Over a path whose delays do not change, the bound is half
// of the least round trip, and the error half of the asymmetry, which no measurement can see.
#pragma once

#include <deque>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace edgetp {

struct ClockExchange {
  absl::Time sent;      // on this clock
  absl::Time received;  // on the other one
  absl::Time answered;  // on the other one
  absl::Time returned;  // on this clock
};

// Two clocks that run drift apart by at most so much: oscillators by 0.01 %, and what a time daemon
// adds to slew them, 0.05 % (adjtimex).
inline constexpr double kMaxClockDrift = 1e-3;

class ClockEstimator {
 public:
  // A few exchanges of about the same time: of each limit, the best of them counts. Those that
  // cannot be (an answer before its question, times beyond any uptime) are ignored.
  // Errors: FailedPrecondition if no delay and no drift within kMaxClockDrift explains them: a clock
  // has jumped. The message says by how much, and the rule. The estimate stays as it was.
  absl::Status Add(const std::deque<ClockExchange>& burst);

  // Whether there was a valid exchange. What follows requires it.
  bool known() const { return !samples_.empty(); }

  // A time of the other clock, on this one, by the estimate at `now` on this clock.
  absl::Time ToMine(absl::Time theirs, absl::Time now) const;

  // By how much ToMine may be wrong; grows from one exchange to the next.
  absl::Duration BoundAt(absl::Time now) const;

  // Of the other clock against this one; 1e-6 is a microsecond per second. Zero while there is one
  // exchange.
  double drift() const { return drift_; }
  // What the other clock was ahead at `now`.
  absl::Duration OffsetAt(absl::Time now) const;

 private:
  // The limits of one burst, in seconds: time since origin_, offsets beyond base_.
  struct Sample {
    double at = 0;
    double least = 0;
    double most = 0;
  };
  struct Span {
    double least = 0;
    double most = 0;
    double middle() const { return (least + most) / 2; }
    double half() const { return (most - least) / 2; }
  };

  // What the samples from number `first` on admit at a time that is not before any of them.
  Span SpanAt(double at, size_t first) const;
  void Renew();

  absl::Time origin_;    // on this clock
  absl::Duration base_;  // a first offset, so that what follows is small
  std::deque<Sample> samples_;  // oldest first

  // The estimate: lines through `at_`.
  double at_ = 0;
  double offset_ = 0;
  double drift_ = 0;
  double bound_ = 0;
  double bound_growth_ = 0;  // per second
};

}  // namespace edgetp
