// After which steps of a run something is due: exchanges of local replicas, evaluations, checks,
// checkpoints. Read by workers, by the server and by the progress line. Pure.
#pragma once

#include <algorithm>

#include "edgetp/v1/config.pb.h"

namespace edgetp {

// Replicas that train by themselves for some steps are one model only after they have exchanged
// what they learned: what is due in between comes after the next exchange. Steps are counted by the
// updates made: 1 is after the first one.
class Calendar {
 public:
  // `round`: the ranks are one model after every `round` updates, and after the last.
  Calendar(int steps, int round) : steps_(steps), round_(std::max(1, round)) {}
  explicit Calendar(const v1::RunConfig& config);

  int round() const { return round_; }

  // The ranks are one model.
  bool Meets(int done) const { return done == steps_ || done % round_ == 0; }

  // Of what happens every `interval` updates (0: never), and after the last.
  bool Due(int done, int interval) const {
    return done == steps_ || Times(done, interval) > Times(done - 1, interval);
  }

  // How often that is due from update `from` on.
  int CountDue(int from, int interval) const {
    if (from > steps_) return 0;
    const bool ends_with_it = Times(steps_, interval) > Times(steps_ - 1, interval);
    return Times(steps_, interval) - Times(from - 1, interval) + (ends_with_it ? 0 : 1);
  }

 private:
  // How often it was due by then, the end aside: once in each round in which an interval ends.
  int Times(int done, int interval) const {
    if (interval <= 0) return 0;
    const int rounds = done / round_;
    return std::min(rounds, rounds * round_ / interval);
  }

  int steps_;
  int round_;
};

}  // namespace edgetp
