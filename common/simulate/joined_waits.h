// What the ranks of a simulated step wait for, for whoever draws it. Waits for the segments of one
// message follow one another: they are one. Not thread-safe.
#pragma once

#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "common/simulate/observer.h"

namespace edgetp {

class JoinedWaits {
 public:
  explicit JoinedWaits(int ranks) : waits_(ranks) {}

  // As TimelineObserver::OnWait.
  void Add(int rank, absl::Time begin, absl::Time end, const TimeBreakdown& terms);

  // The parts of all waits that take any time, by rank. Within one wait they stand in a fixed order
  // (straggler, queueing, propagation, jitter, serialization, software): their lengths are exact,
  // their places a convention.
  void ForEachTerm(
      absl::FunctionRef<void(int rank, const char* name, absl::Time begin, absl::Duration length)>
          take) const;

 private:
  struct Wait {
    absl::Time begin;
    absl::Time end;
    TimeBreakdown terms;
  };

  std::vector<std::vector<Wait>> waits_;  // by rank
};

}  // namespace edgetp
