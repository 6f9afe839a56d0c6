// A link whose capacity follows a mahimahi trace: a list of times, in whole milliseconds, at each
// of which 1500 bytes may leave; it repeats. Read by the link model, for emulated and simulated
// time alike. Immutable; thread-safe.
//
// Mahimahi lets a packet go at these times. Here the 1500 bytes of an opportunity are spread evenly
// over the time since the one before: the same bytes by the same times, without steps, as
// everywhere in the link model. Opportunities that nobody uses are lost, as in mahimahi.
//
// Source: Netravali et al., Mahimahi, USENIX ATC 2015; `man mm-link`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace edgetp {

// What may leave at each of the times.
inline constexpr int64_t kOpportunityBytes = 1500;

// An hour of LTE at 11 Mb/s, a file of 27 MB. As the time from each to the next they take little more
// than a byte each, so that they fit into a message of gRPC (4 MiB).
inline constexpr int kMaxOpportunities = 3'500'000;
inline constexpr uint64_t kMaxTraceFileBytes = 32 << 20;

// A trace file's lines. Blank lines at the end are none.
// Errors: InvalidArgument "origin:line: rule (got ...)" for a line that is no whole number of
// milliseconds or is below the one before; for a trace without lines, with too many, or that ends
// at 0.
absl::StatusOr<std::vector<uint32_t>> ParseMahimahiTrace(const std::string& text,
                                                         const std::string& origin);

// What the rules above say of opportunities that did not come from a file.
absl::Status CheckOpportunities(const std::vector<uint32_t>& opportunities_ms);

class MahimahiTrace {
 public:
  // `opportunities_ms` keeps the rules of CheckOpportunities.
  explicit MahimahiTrace(const std::vector<uint32_t>& opportunities_ms);

  // When the last of `bytes` has left that began to leave at `start`, both since the trace began.
  absl::Duration Finish(absl::Duration start, int64_t bytes) const;

  double MeanBitsPerSecond() const { return 8 * total_bytes() / period_ms() * 1e3; }

  bool operator==(const MahimahiTrace& other) const = default;

 private:
  // Capacity since the beginning of a period; strictly rising from knot to knot.
  struct Knot {
    double ms = 0;
    double bytes = 0;
    bool operator==(const Knot& other) const = default;
  };

  double period_ms() const { return knots_.back().ms; }
  double total_bytes() const { return knots_.back().bytes; }
  double BytesAt(double ms) const;
  double MsAt(double bytes) const;

  std::vector<Knot> knots_;  // the first is (0, 0), the last (period, everything)
};

}  // namespace edgetp
