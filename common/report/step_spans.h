// Watches a simulated step and keeps what each rank does as spans to draw. Used by step_picture. Not
// thread-safe.
#pragma once

#include <vector>

#include "common/report/step_picture.h"
#include "common/simulate/joined_waits.h"
#include "common/simulate/observer.h"

namespace edgetp {

class SpanRecorder : public TimelineObserver {
 public:
  // Of the first `ranks` ranks.
  explicit SpanRecorder(int ranks) : ranks_(ranks), waits_(ranks) {}

  void OnCompute(int rank, absl::Time begin, absl::Time end, size_t segment) override;
  void OnCollective(int rank, absl::Time begin, absl::Time end,
                    const CollectiveStep& collective) override;
  void OnWait(int rank, absl::Time begin, absl::Time end, const TimeBreakdown& terms) override;
  void OnMessage(const MessageSpan& message) override {}
  void OnReceive(int source, int destination, absl::Time at) override {}

  // In the order in which they have to be painted: waits over the collectives that they are in. At
  // most `count`, the longest; `shortest` gets what the others fall short of, in seconds.
  std::vector<StepSpan> Take(size_t count, double* shortest);

 private:
  struct Span {
    int rank;
    int lane;
    const char* kind;
    absl::Time begin;
    absl::Time end;
  };

  bool Shown(int rank) const { return rank < ranks_; }
  void Add(const Span& span);

  const int ranks_;
  std::vector<Span> spans_;
  JoinedWaits waits_;
};

}  // namespace edgetp
