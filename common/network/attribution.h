// Where a rank's waiting went. One rule, read by the emulated transport and by the simulator, so
// that a measured and a predicted breakdown mean the same. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "common/network/link_model.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// The terms of a span of one rank's time (report.proto, Breakdown); they add up to the span
// exactly.
struct TimeBreakdown {
  absl::Duration compute;
  absl::Duration staging;
  absl::Duration software;
  absl::Duration queueing;
  absl::Duration serialization;
  absl::Duration propagation;
  absl::Duration jitter;
  absl::Duration straggler;
  absl::Duration transit;

  absl::Duration total() const;
  TimeBreakdown& operator+=(const TimeBreakdown& other);
};

TimeBreakdown operator-(const TimeBreakdown& left, const TimeBreakdown& right);
// Each term by itself; rounds towards zero.
TimeBreakdown operator/(const TimeBreakdown& sum, int64_t count);

// What a device does meanwhile: what its power depends on (common/simulate/energy.h).
enum class Activity { kComputing, kExchanging, kWaiting };

// A term by its name, and where it is kept: every list of terms is made from this one.
struct BreakdownTerm {
  const char* name;  // label value, JSON key, word of tables
  absl::Duration TimeBreakdown::*span;
  double (v1::Breakdown::*seconds)() const;
  void (v1::Breakdown::*set_seconds)(double);
  Activity activity;
};

// In the order in which a step meets them.
inline constexpr BreakdownTerm kBreakdownTerms[] = {
    {"compute", &TimeBreakdown::compute, &v1::Breakdown::compute, &v1::Breakdown::set_compute,
     Activity::kComputing},
    {"staging", &TimeBreakdown::staging, &v1::Breakdown::staging, &v1::Breakdown::set_staging,
     Activity::kExchanging},
    {"software", &TimeBreakdown::software, &v1::Breakdown::software, &v1::Breakdown::set_software,
     Activity::kExchanging},
    {"queueing", &TimeBreakdown::queueing, &v1::Breakdown::queueing, &v1::Breakdown::set_queueing,
     Activity::kWaiting},
    {"serialization", &TimeBreakdown::serialization, &v1::Breakdown::serialization,
     &v1::Breakdown::set_serialization, Activity::kExchanging},
    {"propagation", &TimeBreakdown::propagation, &v1::Breakdown::propagation,
     &v1::Breakdown::set_propagation, Activity::kWaiting},
    {"jitter", &TimeBreakdown::jitter, &v1::Breakdown::jitter, &v1::Breakdown::set_jitter,
     Activity::kWaiting},
    {"straggler", &TimeBreakdown::straggler, &v1::Breakdown::straggler,
     &v1::Breakdown::set_straggler, Activity::kWaiting},
    {"transit", &TimeBreakdown::transit, &v1::Breakdown::transit, &v1::Breakdown::set_transit,
     Activity::kWaiting},
};

// A rank had nothing to do in [begin, end) but wait for a segment.
struct SegmentWait {
  absl::Time begin;
  absl::Time end;
  Departure departure;  // of the segment
  absl::Time arrival;   // LinkModel::Arrive; after it the rank waited for software
  // At which the last rank on which the segment depends had entered the collective.
  absl::Time latest_entry;
  // It was under way from one host to another in [sent, there). Within a host: never, what moving it
  // takes is software.
  absl::Time sent = absl::InfinitePast();
  absl::Time there = absl::InfinitePast();
};

// Splits [begin, end) along the segment's way; the sum is end - begin, exactly:
//   until latest_entry         straggler
//   latest_entry to handover   earlier hops: in the proportions of this segment's own hop
//                              (software if that took no time), its transit included
//   handover to egress_start   queueing
//   egress_start to first_bit  propagation, then jitter
//   first_bit to last_bit      serialization
//   last_bit to arrival        serialization by a slower ingress, then queueing behind others there
//   arrival to end             transit, as far as it was under way then; software
TimeBreakdown AttributeWait(const SegmentWait& wait);

// The sum of those, of what is after `from`.
TimeBreakdown AttributeWaits(const std::vector<SegmentWait>& waits, absl::Time from);

v1::Breakdown ToProto(const TimeBreakdown& terms);

}  // namespace edgetp
