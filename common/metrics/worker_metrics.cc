#include "common/metrics/worker_metrics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/version.h"

namespace edgetp {

RunMetrics::RunMetrics(MetricSet* metrics, std::string run, int rank)
    : metrics_(metrics), run_(std::move(run)), rank_(absl::StrCat(rank)) {
  // rate() does not see the increase with which a counter appears.
  metrics_->Counter("edgetp_steps_total", {run_, rank_});
  metrics_->Histogram("edgetp_step_seconds", {run_, rank_});
  Add(v1::StepReport());
}

void RunMetrics::Step(const v1::StepReport& report) {
  metrics_->Counter("edgetp_steps_total", {run_, rank_}).Increment();
  metrics_->Histogram("edgetp_step_seconds", {run_, rank_}).Observe(report.step_seconds());
  Add(report);
}

void RunMetrics::UntimedStep(const v1::StepReport& report) {
  metrics_->Counter("edgetp_steps_total", {run_, rank_}).Increment();
  v1::StepReport bytes;
  *bytes.mutable_bytes() = report.bytes();
  Add(bytes);
}

void RunMetrics::Add(const v1::StepReport& report) {
  // Counters only ever rise: a negative remainder of a breakdown counts as nothing.
  const auto add = [&](const char* name, const char* label, double value) {
    metrics_->Counter(name, {run_, rank_, label}).Increment(std::max(value, 0.0));
  };
  VisitTerms(report.breakdown_seconds(), [&](const char* term, double seconds) {
    add("edgetp_step_breakdown_seconds_total", term, seconds);
  });
  metrics_->Counter("edgetp_hidden_seconds_total", {run_, rank_})
      .Increment(std::max(report.hidden_seconds(), 0.0));
  VisitClasses(report.bytes(), [&](const char* traffic, double bytes) {
    add("edgetp_sent_bytes_total", traffic, bytes);
  });
  const v1::Fidelity& fidelity = report.fidelity();
  metrics_->Counter("edgetp_late_messages_total", {run_, rank_})
      .Increment(fidelity.late_messages());
  metrics_->Counter("edgetp_late_seconds_total", {run_, rank_}).Increment(fidelity.late_seconds());
  metrics_->Counter("edgetp_overrun_seconds_total", {run_, rank_})
      .Increment(fidelity.overrun_seconds());
  metrics_->Gauge("edgetp_clock_bound_seconds", {run_, rank_})
      .Set(fidelity.clock_bound_us() * 1e-6);
}

void RunMetrics::Control(int64_t bytes) {
  metrics_->Counter("edgetp_sent_bytes_total", {run_, rank_, NameOf(TrafficClass::kControl)})
      .Increment(static_cast<double>(bytes));
}

void RunMetrics::AllReduce(const CollectiveTag& tag, const std::string& algorithm, double seconds) {
  prometheus::Histogram*& histogram = all_reduce_[{tag.traffic, tag.phase, algorithm}];
  if (histogram == nullptr) {
    histogram =
        &metrics_->Histogram("edgetp_allreduce_seconds",
                             {run_, rank_, algorithm, NameOf(tag.traffic), NameOf(tag.phase)});
  }
  histogram->Observe(seconds);
}

LinkMetrics RunMetrics::Link(int source, int destination) {
  const std::vector<std::string> labels = {run_, absl::StrCat(source), absl::StrCat(destination)};
  return LinkMetrics{
      .sent_bytes = &metrics_->Counter("edgetp_link_sent_bytes_total", labels),
      .messages = &metrics_->Counter("edgetp_link_messages_total", labels),
      .asked_delay_seconds = &metrics_->Counter("edgetp_link_asked_delay_seconds_total", labels),
      .realised_delay_seconds =
          &metrics_->Counter("edgetp_link_realised_delay_seconds_total", labels),
      .queueing_seconds = &metrics_->Counter("edgetp_link_queueing_seconds_total", labels),
  };
}

WorkerMetrics::WorkerMetrics(MetricSet* metrics) : metrics_(metrics) {
  metrics_->Gauge("edgetp_build_info", {kVersion}).Set(1);
  SetJoined(false);
}

void WorkerMetrics::SetInfo(const std::string& worker, const std::string& host,
                            const std::string& device, const std::string& blas) {
  metrics_->Gauge("edgetp_worker_info", {worker, host, device, blas}).Set(1);
}

void WorkerMetrics::SetJoined(bool joined) {
  metrics_->Gauge("edgetp_worker_joined", {}).Set(joined ? 1 : 0);
}

std::unique_ptr<RunMetrics> WorkerMetrics::BeginRun(const std::string& run, int rank) {
  if (!previous_run_.empty()) metrics_->Drop("run", previous_run_);
  previous_run_ = run;
  return std::make_unique<RunMetrics>(metrics_, run, rank);
}

}  // namespace edgetp
