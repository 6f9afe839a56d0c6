#include "common/network/attribution.h"

#include <algorithm>

namespace edgetp {
namespace {

// The delay terms of the segment's own hop.
struct Hop {
  absl::Duration egress_queueing;
  absl::Duration propagation;
  absl::Duration jitter;
  absl::Duration serialization;
  absl::Duration ingress_serialization;
  absl::Duration ingress_queueing;
  absl::Duration transit;
};

Hop HopOf(const SegmentWait& wait) {
  const Departure& departure = wait.departure;
  const absl::Time arrival = wait.arrival;
  const absl::Duration zero = absl::ZeroDuration();
  Hop hop;
  hop.egress_queueing = std::max(zero, departure.egress_start - departure.handover);
  const absl::Duration flight = std::max(zero, departure.first_bit - departure.egress_start);
  // A negative jitter shortens the flight; it has no time of its own.
  hop.jitter = std::clamp(departure.jitter, zero, flight);
  hop.propagation = flight - hop.jitter;
  hop.serialization = std::max(zero, departure.last_bit - departure.first_bit);
  const absl::Duration tail = std::max(zero, arrival - departure.last_bit);
  hop.ingress_serialization = std::clamp(departure.ingress - hop.serialization, zero, tail);
  hop.ingress_queueing = tail - hop.ingress_serialization;
  hop.transit = std::max(zero, wait.there - std::max(arrival, wait.sent));
  return hop;
}

// Gives consecutive pieces of [begin, end) to terms.
class Walker {
 public:
  Walker(absl::Time begin, absl::Time end) : now_(begin), end_(end) {}

  // What remains until `until` goes to `term`.
  void To(absl::Time until, absl::Duration* term) { *term += Take(until); }

  absl::Duration Take(absl::Time until) {
    until = std::min(until, end_);
    if (until <= now_) return absl::ZeroDuration();
    const absl::Duration piece = until - now_;
    now_ = until;
    return piece;
  }

 private:
  absl::Time now_;
  const absl::Time end_;
};

void SplitLikeHop(absl::Duration span, const Hop& hop, TimeBreakdown* out) {
  const absl::Duration queueing = hop.egress_queueing + hop.ingress_queueing;
  const absl::Duration serialization = hop.serialization + hop.ingress_serialization;
  const absl::Duration whole =
      queueing + serialization + hop.propagation + hop.jitter + hop.transit;
  if (span <= absl::ZeroDuration()) return;
  if (whole <= absl::ZeroDuration()) {
    out->software += span;
    return;
  }
  const double scale = absl::FDivDuration(span, whole);
  absl::Duration rest = span;
  const auto give = [&rest, scale](absl::Duration part, absl::Duration* term) {
    const absl::Duration share = std::min(rest, part * scale);
    *term += share;
    rest -= share;
  };
  give(queueing, &out->queueing);
  give(serialization, &out->serialization);
  give(hop.jitter, &out->jitter);
  give(hop.propagation, &out->propagation);
  give(hop.transit, &out->transit);
  // What rounding left over goes to a term that is not zero.
  *(hop.propagation > absl::ZeroDuration() ? &out->propagation
    : hop.transit > absl::ZeroDuration()   ? &out->transit
                                           : &out->serialization) += rest;
}

}  // namespace

absl::Duration TimeBreakdown::total() const {
  absl::Duration sum;
  for (const BreakdownTerm& term : kBreakdownTerms) sum += this->*term.span;
  return sum;
}

TimeBreakdown& TimeBreakdown::operator+=(const TimeBreakdown& other) {
  for (const BreakdownTerm& term : kBreakdownTerms) this->*term.span += other.*term.span;
  return *this;
}

TimeBreakdown operator-(const TimeBreakdown& left, const TimeBreakdown& right) {
  TimeBreakdown difference = left;
  for (const BreakdownTerm& term : kBreakdownTerms) difference.*term.span -= right.*term.span;
  return difference;
}

TimeBreakdown operator/(const TimeBreakdown& sum, int64_t count) {
  TimeBreakdown mean = sum;
  for (const BreakdownTerm& term : kBreakdownTerms) mean.*term.span /= count;
  return mean;
}

TimeBreakdown AttributeWait(const SegmentWait& wait) {
  TimeBreakdown out;
  const Departure& departure = wait.departure;
  const Hop hop = HopOf(wait);
  Walker walker(wait.begin, wait.end);
  walker.To(std::min(wait.latest_entry, departure.handover), &out.straggler);
  SplitLikeHop(walker.Take(departure.handover), hop, &out);
  walker.To(departure.egress_start, &out.queueing);
  walker.To(departure.egress_start + hop.propagation, &out.propagation);
  walker.To(departure.first_bit, &out.jitter);
  walker.To(departure.last_bit, &out.serialization);
  walker.To(departure.last_bit + hop.ingress_serialization, &out.serialization);
  walker.To(wait.arrival, &out.queueing);
  walker.To(wait.sent, &out.software);
  walker.To(wait.there, &out.transit);
  walker.To(wait.end, &out.software);
  return out;
}

TimeBreakdown AttributeWaits(const std::vector<SegmentWait>& waits, absl::Time from) {
  TimeBreakdown sum;
  for (SegmentWait wait : waits) {
    wait.begin = std::max(wait.begin, from);
    if (wait.begin < wait.end) sum += AttributeWait(wait);
  }
  return sum;
}

v1::Breakdown ToProto(const TimeBreakdown& terms) {
  v1::Breakdown out;
  for (const BreakdownTerm& term : kBreakdownTerms)
    (out.*term.set_seconds)(absl::ToDoubleSeconds(terms.*term.span));
  return out;
}

}  // namespace edgetp
