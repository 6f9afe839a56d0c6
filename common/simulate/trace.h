// One simulated step as a Chrome trace, which opens in Perfetto (ui.perfetto.dev) and in
// chrome://tracing. A process per rank with three tracks: what it computes, the collectives it is
// in, and what it waits for, by term; a fourth one has the exchanges that run under compute, if there
// are any. A process "links" with a track for each link that was used, on which a message stands for
// as long as it occupies the link. Not thread-safe.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "common/simulate/joined_waits.h"
#include "common/simulate/observer.h"

namespace edgetp {

class TraceRecorder : public TimelineObserver {
 public:
  // `plan` names what is computed; `devices` by rank, for the names of the processes.
  TraceRecorder(const StepPlan& plan, std::vector<std::string> devices);

  void OnCompute(int rank, absl::Time begin, absl::Time end, size_t segment) override;
  void OnCollective(int rank, absl::Time begin, absl::Time end,
                    const CollectiveStep& collective) override;
  void OnWait(int rank, absl::Time begin, absl::Time end, const TimeBreakdown& terms) override;
  void OnMessage(const MessageSpan& message) override;
  void OnReceive(int source, int destination, absl::Time at) override {}

  // The whole document. Times are microseconds since the first rank's begin of the step. Of the terms
  // of a wait, the lengths are exact, the places a convention (JoinedWaits).
  std::string Json() const;

 private:
  struct Slice {
    absl::Time begin;
    absl::Duration length;
    int process = 0;
    int64_t track = 0;
    std::string name;
    std::string arguments;  // a JSON object
  };
  std::vector<std::string> devices_;
  std::vector<std::vector<std::string>> labels_;  // by rank and compute segment
  std::vector<Slice> slices_;
  JoinedWaits waits_;
  absl::btree_set<std::pair<int, int>> links_;
  absl::btree_set<int> overlapping_;  // ranks
};

}  // namespace edgetp
