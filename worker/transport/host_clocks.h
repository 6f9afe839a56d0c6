// The clocks of the other hosts of a group: asks for their time over the group's streams, answers
// their questions, and moves what they have stamped to this host's clock. Ranks of one host share
// its clock, and need nothing of this. Part of HoldingTransport. Not thread-safe.
//
// A question and its answer are 40 bytes; a burst of four is asked every second, more often in the
// first one. Each rank asks for itself.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "worker/transport/clock_estimator.h"
#include "worker/transport/segment_transport.h"

namespace edgetp {

class HostClocks {
 public:
  // `transport` must outlive the clocks.
  explicit HostClocks(SegmentTransport* transport);

  // Takes what has come, answers, and asks where it is time. Never blocks.
  // Errors: those of the transport, FailedPrecondition if a clock has jumped.
  absl::Status Progress();

  // When Progress is due although nothing has come.
  absl::Time NextQuestion() const;

  // An answer, or the next question of a burst, is to come at once: who polls now measures well.
  bool ExpectsMore(absl::Time now) const { return now < expects_until_; }

  // By how much a time of the peer's may be wrong after Translate: zero within a host, infinite
  // before the first answer.
  absl::Duration BoundTo(int peer, absl::Time now) const;

  // To this rank's clock. Before the first answer, the time at which a segment was sent counts as
  // that of its arrival, and the peer's time of entry as unknown.
  void Translate(int peer, absl::Time arrived, SegmentTimes* times) const;

 private:
  struct Peer {
    bool elsewhere = false;  // on another host
    ClockEstimator estimator;
    std::deque<ClockExchange> burst;  // under way
    std::optional<absl::Time> asked;  // the question that has no answer yet
    absl::Time next_burst = absl::InfinitePast();
    int bursts = 0;
    std::optional<ReceivedProbe> question;  // the peer's, not answered yet
  };

  absl::Status Take(int rank);
  absl::Status TakeAnswer(int rank, const ReceivedProbe& answer);
  absl::Status Answer(int rank);
  absl::Status Ask(int rank);

  SegmentTransport* transport_;
  std::vector<Peer> peers_;  // by rank
  absl::Time expects_until_ = absl::InfinitePast();
};

}  // namespace edgetp
