// What the coordinator exports, as typed calls over the table of metrics.h. One thread calls all of
// them, except MediumGrant.
#pragma once

#include <string>

#include "common/metrics/metrics.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

struct RunLabels {
  std::string run;
  std::string model;
  std::string pattern;  // expanded
  int workers = 0;
  std::string clock;
  int target_steps = 0;
};

class ServerMetrics {
 public:
  explicit ServerMetrics(MetricSet* metrics);

  void SetWorkers(int idle, int busy, int gone);
  void SetQueuedRuns(int queued);
  // Exactly one profile is in force.
  void SetNetwork(const std::string& profile, double version);

  // Forgets the previous run's series, so that a last scrape of it still sees them, and starts this
  // one's.
  void BeginRun(const RunLabels& labels);
  void Step(const v1::StepRecord& record);
  // One message of the shared medium. Any thread.
  void MediumGrant(const std::string& run, double airtime_seconds, double queueing_seconds);
  // `status`: done, failed, stopped.
  void EndRun(const std::string& status);

 private:
  MetricSet* metrics_;
  std::string run_;
  std::string profile_;
};

}  // namespace edgetp
