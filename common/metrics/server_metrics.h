// What the coordinator exports, as typed calls over the table of metrics.h. One thread calls all of
// them, except MediumGrant.
#pragma once

#include <deque>
#include <string>

#include "absl/time/time.h"
#include "common/metrics/metrics.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

struct RunLabels {
  std::string run;
  std::string model;
  std::string pattern;  // expanded
  std::string network;  // at the start
  int workers = 0;
  int attempt = 1;
  std::string clock;
  int target_steps = 0;
  int sync_points = 0;        // of a forward pass
  bool knows_energy = false;  // its steps say what each rank has taken
};

class ServerMetrics {
 public:
  explicit ServerMetrics(MetricSet* metrics);

  // `gone`: lost, and no other has joined in their place. `lost`: ever.
  void SetWorkers(int idle, int busy, int gone, int lost);
  void SetQueuedRuns(int queued);
  // Exactly one profile is in force; `version` counts its changes, other than those that a new run
  // brings. Nothing happens if neither is new.
  void SetNetwork(const std::string& profile, double version);

  // A run, or another attempt of the one in progress.
  void BeginRun(const RunLabels& labels);
  // The run has lost a worker and goes on: until the first step of its next attempt it recovers.
  void LoseAttempt(const std::string& run);
  void Step(const v1::StepRecord& record);
  // One message of the shared medium. Any thread.
  void MediumGrant(const std::string& run, double airtime_seconds, double queueing_seconds);
  // A run that has begun, or that never got its turn. `status`: done, failed, stopped.
  void EndRun(const std::string& run, const std::string& status, absl::Time now);
  // Forgets the series of runs that ended a while ago, except those of the last one: what a run
  // came to is seen by several scrapes, also where the next one begins at once.
  void ForgetEndedRuns(absl::Time now);

 private:
  struct Begun {
    std::string run;
    absl::Time ended = absl::InfiniteFuture();
  };

  void BeginSteps(const std::string& network);

  MetricSet* metrics_;
  std::deque<Begun> begun_;  // oldest first; the last one is the run in progress
  std::string run_;
  std::string profile_;
  double network_version_ = 0;
  int lost_ = 0;
};

}  // namespace edgetp
