// What a worker exports, as typed handles over the table of metrics.h. One WorkerMetrics per
// process, one RunMetrics per job. Thread-safe, except that RunMetrics::AllReduce is for one
// thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "common/metrics/metrics.h"
#include "common/network/attribution.h"
#include "common/plan/step_plan.h"
#include "edgetp/v1/cluster.pb.h"

namespace edgetp {

// A directed link as one of its ends sees it. The source counts bytes, the destination everything
// else.
struct LinkMetrics {
  prometheus::Counter* sent_bytes;
  prometheus::Counter* messages;
  prometheus::Counter* asked_delay_seconds;
  prometheus::Counter* realised_delay_seconds;
  prometheus::Counter* queueing_seconds;
};

// Series of one rank of one run; they are forgotten when the next run begins, so that a last scrape
// still sees them.
class RunMetrics {
 public:
  RunMetrics(MetricSet* metrics, std::string run, int rank);

  // All that a step report holds: duration, breakdown, bytes by class, lateness. Call once per
  // step.
  void Step(const v1::StepReport& report);

  // The same without the times.
  void UntimedStep(const v1::StepReport& report);

  // Payload of class control, which is part of no step.
  void Control(int64_t bytes);

  // One finished all-reduce.
  void AllReduce(const CollectiveTag& tag, const std::string& algorithm, double seconds);

  // Handles of a link; take them once, they live as long as the run's series.
  LinkMetrics Link(int source, int destination);

  const std::string& run() const { return run_; }

 private:
  // The sums of a step report.
  void Add(const v1::StepReport& report);

  MetricSet* metrics_;
  std::string run_;
  std::string rank_;
  std::map<std::tuple<TrafficClass, Phase, std::string>, prometheus::Histogram*> all_reduce_;
};

class WorkerMetrics {
 public:
  explicit WorkerMetrics(MetricSet* metrics);

  // Once, after the server's welcome.
  void SetInfo(const std::string& worker, const std::string& host, const std::string& device,
               const std::string& blas);
  void SetJoined(bool joined);

  // Forgets the previous run's series and starts this one's.
  std::unique_ptr<RunMetrics> BeginRun(const std::string& run, int rank);

 private:
  MetricSet* metrics_;
  std::string previous_run_;
};

// Calls visit("compute", breakdown.compute()) and so on for every term: the values of the label
// `term`.
template <typename Visitor>
void VisitTerms(const v1::Breakdown& breakdown, Visitor visit) {
  for (const BreakdownTerm& term : kBreakdownTerms) visit(term.name, (breakdown.*term.seconds)());
}

// The same for the values of the label `class`.
template <typename Visitor>
void VisitClasses(const v1::TrafficBytes& bytes, Visitor visit) {
  visit("activation_fwd", bytes.activation_fwd());
  visit("activation_bwd", bytes.activation_bwd());
  visit("grad_sync", bytes.grad_sync());
  visit("scalar", bytes.scalar());
  visit("control", bytes.control());
}

}  // namespace edgetp
