#include "common/metrics/server_metrics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/version.h"
#include "common/metrics/worker_metrics.h"

namespace edgetp {

ServerMetrics::ServerMetrics(MetricSet* metrics) : metrics_(metrics) {
  metrics_->Gauge("edgetp_build_info", {kVersion}).Set(1);
  // A counter that appears with its first increase hides it from rate().
  for (const char* status : {"done", "failed", "stopped"})
    metrics_->Counter("edgetp_runs_total", {status});
  SetWorkers(0, 0, 0);
  SetQueuedRuns(0);
}

void ServerMetrics::SetWorkers(int idle, int busy, int gone) {
  metrics_->Gauge("edgetp_workers", {"idle"}).Set(idle);
  metrics_->Gauge("edgetp_workers", {"busy"}).Set(busy);
  metrics_->Gauge("edgetp_workers", {"gone"}).Set(gone);
}

void ServerMetrics::SetQueuedRuns(int queued) {
  metrics_->Gauge("edgetp_queued_runs", {}).Set(queued);
}

void ServerMetrics::SetNetwork(const std::string& profile, double version) {
  if (profile != profile_) metrics_->Drop("profile", profile_);
  profile_ = profile;
  metrics_->Gauge("edgetp_network_info", {profile}).Set(1);
  metrics_->Gauge("edgetp_network_version", {}).Set(version);
}

void ServerMetrics::BeginRun(const RunLabels& labels) {
  if (!run_.empty()) metrics_->Drop("run", run_);
  run_ = labels.run;
  metrics_
      ->Gauge("edgetp_run_info", {labels.run, labels.model, labels.pattern,
                                  absl::StrCat(labels.workers), labels.clock})
      .Set(1);
  metrics_->Gauge("edgetp_run_target_steps", {run_}).Set(labels.target_steps);
  metrics_->Gauge("edgetp_run_completed_steps", {run_}).Set(0);
}

void ServerMetrics::Step(const v1::StepRecord& record) {
  metrics_->Gauge("edgetp_run_completed_steps", {run_}).Set(record.step());
  metrics_->Histogram("edgetp_run_step_seconds", {run_}).Observe(record.step_seconds());
  VisitTerms(record.breakdown_seconds(), [&](const char* term, double seconds) {
    metrics_->Counter("edgetp_run_step_breakdown_seconds_total", {run_, term})
        .Increment(std::max(seconds, 0.0));
  });
  metrics_->Gauge("edgetp_run_tokens_per_second", {run_}).Set(record.tokens_per_second());
  metrics_->Gauge("edgetp_run_learning_rate", {run_}).Set(record.learning_rate());
  metrics_->Gauge("edgetp_run_gradient_norm", {run_}).Set(record.gradient_norm());
  if (record.has_train_loss())
    metrics_->Gauge("edgetp_run_train_loss", {run_}).Set(record.train_loss());
  if (record.has_val_loss()) metrics_->Gauge("edgetp_run_val_loss", {run_}).Set(record.val_loss());
}

void ServerMetrics::MediumGrant(const std::string& run, double airtime_seconds,
                                double queueing_seconds) {
  metrics_->Counter("edgetp_medium_grants_total", {run}).Increment();
  metrics_->Counter("edgetp_medium_airtime_seconds_total", {run}).Increment(airtime_seconds);
  metrics_->Counter("edgetp_medium_queueing_seconds_total", {run}).Increment(queueing_seconds);
}

void ServerMetrics::EndRun(const std::string& status) {
  metrics_->Counter("edgetp_runs_total", {status}).Increment();
}

}  // namespace edgetp
