// At which delay does one pattern become faster than another? A search over the one-way delay between
// two devices, by the network's default link, all else equal. Pure.
#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace edgetp {

// Beyond it, nothing is interactive: no link of configs/networks comes near it.
inline constexpr absl::Duration kMaxCrossoverDelay = absl::Seconds(10);

// Step time at a delay; must be deterministic.
using SecondsAtDelay = std::function<absl::StatusOr<double>(absl::Duration delay)>;

struct DelayCrossover {
  absl::Duration delay;  // to a microsecond, or a thousandth of it
  bool first_is_faster_below = false;
};

// Delays in (0, kMaxCrossoverDelay] at which the order of the two changes, rising. Looked for
// between no delay and each power of ten from 10 us to 10 s, by bisection where the order differs
// from one to the next: two changes within one such decade stay unseen.
// Errors: those of the functions.
absl::StatusOr<std::vector<DelayCrossover>> FindCrossovers(const SecondsAtDelay& first,
                                                           const SecondsAtDelay& second);

// How often FindCrossovers calls each function if there is nothing to find.
int CrossoverEvaluations();

}  // namespace edgetp
