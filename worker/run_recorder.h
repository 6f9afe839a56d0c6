// What a job's collectives and steps leave behind: Prometheus series, and the averages that the
// prediction needs. One thread uses it.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "common/metrics/worker_metrics.h"
#include "edgetp/v1/cluster.pb.h"
#include "worker/collective_stats.h"

namespace edgetp {

class RunRecorder : public CollectiveObserver {
 public:
  explicit RunRecorder(std::unique_ptr<RunMetrics> metrics, int rank)
      : metrics_(std::move(metrics)), rank_(rank) {}

  void OnCollective(const CollectiveObservation& observation) override;
  void OnSent(int destination, int64_t bytes) override;
  void OnDelivery(const Delivery& delivery) override;

  // After each training step.
  void OnStep(const StepStats& stats, const v1::StepReport& report);

  // Sets step_seconds, compute_seconds and message_overhead_us. The first step, which warms caches
  // up, is left out of the averages unless it is the only one.
  void FillResult(v1::JobResult* result) const;

 private:
  LinkMetrics& Link(int source, int destination);

  std::unique_ptr<RunMetrics> metrics_;
  const int rank_;
  std::map<std::pair<int, int>, LinkMetrics> links_;
  std::vector<float> step_seconds_;
  std::vector<double> compute_seconds_;  // summed over averaged_steps_, by gap
  double software_seconds_ = 0;
  int64_t messages_ = 0;
  int averaged_steps_ = 0;
};

}  // namespace edgetp
