// What one all-reduce costs, and which algorithm is the cheapest: what `auto` means. Pure and
// deterministic, so that all ranks of a run choose alike.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/collective/segments.h"
#include "common/network/link_options.h"

namespace edgetp {

// Software cost of one message, at its sender and again at its receiver, where no device profile
// says it: as measured on hosts of today.
inline constexpr absl::Duration kHostMessageOverhead = absl::Microseconds(20);

struct AllReduceProblem {
  NetworkOptions network;
  int world_size = 1;
  int64_t elements = 0;
  int bytes_per_element = 4;  // on the wire
  int64_t segment_bytes = kDefaultSegmentBytes;
  absl::Duration
      message_overhead;  // software cost of one message, at its sender and again at its receiver
};

// Duration of one all-reduce that all ranks enter together; the mean of several where the network
// has jitter or loss. A trace counts with its mean rate. A partition is ignored: it will be healed.
// Where an all-reduce has more than a million segments, it is priced with larger ones, so that a
// choice among thousands of ranks takes seconds. Errors: InvalidArgument for an unknown algorithm
// or a size below 1.
absl::StatusOr<absl::Duration> PriceAllReduce(const AllReduceProblem& problem,
                                              const std::string& algorithm);

// True if the difference is more than what rounding of single segments adds up to.
bool ClearlyCheaper(absl::Duration price, absl::Duration than);

// The cheapest algorithm of those that sum in rank order: they have equal bits, so that the choice
// changes times and never losses. Of equally cheap ones, the first of the registry.
std::string ChooseAlgorithm(const AllReduceProblem& problem);

}  // namespace edgetp
