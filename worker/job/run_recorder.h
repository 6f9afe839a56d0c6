// What a job's collectives and steps leave behind: Prometheus series, and the averages that the
// prediction needs. One thread uses it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "common/metrics/worker_metrics.h"
#include "edgetp/v1/cluster.pb.h"
#include "worker/collective/collective_stats.h"

namespace edgetp {

class RunRecorder : public CollectiveObserver {
 public:
  // `simulated`: the run's times are the server's to tell, so that this host's are kept out of the
  // metrics.
  RunRecorder(std::unique_ptr<RunMetrics> metrics, int rank, bool simulated)
      : metrics_(std::move(metrics)), rank_(rank), simulated_(simulated) {}

  void OnCollective(const CollectiveObservation& observation) override;
  void OnSent(int destination, int64_t bytes) override;
  void OnDelivery(const Delivery& delivery) override;

  // After each training step.
  void OnStep(const StepStats& stats, const v1::StepReport& report);

  // Sets compute_seconds, message_overhead_us and staging_bytes_per_second of a typical step:
  // averages over the middle half of the steps by compute time, so that neither warm-up nor a
  // hiccup of the host counts. Where steps are of two kinds, also exchange_compute_seconds, of
  // those that have more compute segments.
  void FillResult(v1::JobResult* result) const;

 private:
  // What a step cost this rank, apart from the network.
  struct StepCost {
    double compute_seconds = 0;  // sum of the gaps
    std::vector<float> gap_seconds;
    double exposed_software_seconds = 0;
    double messages = 0;
    double staging_seconds = 0;
    double staged_bytes = 0;
  };
  static constexpr size_t kRecentSteps = 1000;  // of a kind: enough for an average, and bounded

  static std::vector<const StepCost*> MiddleHalf(const std::deque<StepCost>& costs);
  LinkMetrics& Link(int source, int destination);

  std::unique_ptr<RunMetrics> metrics_;
  const int rank_;
  const bool simulated_;
  std::map<std::pair<int, int>, LinkMetrics> links_;
  std::map<size_t, std::deque<StepCost>> recent_;  // by compute segments
};

}  // namespace edgetp
