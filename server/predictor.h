// Predicts the steps of ended runs on a thread of its own, one run after the other: for many ranks
// that takes longer than anybody may wait for the server's loop. Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "server/outputs.h"
#include "server/prediction.h"

namespace edgetp {

class Predictor {
 public:
  // A run and its prediction; empty where there is none. Called on the predictor's thread, or by
  // Post after Stop.
  using Done = std::function<void(EndedRun ended, Prediction prediction)>;

  // Each run gets at most `budget`.
  Predictor(absl::Duration budget, Done done);
  ~Predictor();

  // Whether there can be a prediction of such a run.
  static bool Wants(const EndedRun& ended);
  void Post(EndedRun ended);
  // The run's prediction is wanted no longer: what there is of it will do.
  void Cut(const std::string& run);
  // Cuts all, those to come too.
  // Blocks until: `done` has been called for every run.
  void Stop();

 private:
  void Main();
  Prediction Predict(const EndedRun& ended);
  bool IsCut(const std::string& run) const;

  const absl::Duration budget_;
  const Done done_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<EndedRun> runs_;  // the first is being predicted
  std::set<std::string> cut_;  // some of these
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace edgetp
