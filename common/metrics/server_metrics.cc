#include "common/metrics/server_metrics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/version.h"
#include "common/metrics/worker_metrics.h"

namespace edgetp {
namespace {

// Five scrapes at the usual 2 s, one at Prometheus' default for the patient.
constexpr absl::Duration kKeepEndedRun = absl::Seconds(10);

double UnixSecondsNow() { return absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()); }

}  // namespace

ServerMetrics::ServerMetrics(MetricSet* metrics) : metrics_(metrics) {
  metrics_->Gauge("edgetp_build_info", {kVersion}).Set(1);
  // A counter that appears with its first increase hides it from rate().
  for (const char* status : {"done", "failed", "stopped"})
    metrics_->Counter("edgetp_runs_total", {status});
  SetWorkers(0, 0, 0, 0);
  SetQueuedRuns(0);
}

void ServerMetrics::SetWorkers(int idle, int busy, int gone, int lost) {
  metrics_->Gauge("edgetp_workers", {"idle"}).Set(idle);
  metrics_->Gauge("edgetp_workers", {"busy"}).Set(busy);
  metrics_->Gauge("edgetp_workers", {"gone"}).Set(gone);
  metrics_->Counter("edgetp_workers_lost_total", {}).Increment(lost - lost_);
  lost_ = lost;
}

void ServerMetrics::SetQueuedRuns(int queued) {
  metrics_->Gauge("edgetp_queued_runs", {}).Set(queued);
}

void ServerMetrics::SetNetwork(const std::string& profile, double version) {
  if (profile == profile_ && version == network_version_) return;
  if (profile != profile_) metrics_->Drop("profile", profile_);
  if (version != network_version_)
    metrics_->Gauge("edgetp_network_change_timestamp_seconds", {profile}).Set(UnixSecondsNow());
  profile_ = profile;
  network_version_ = version;
  metrics_->Gauge("edgetp_network_info", {profile}).Set(1);
  metrics_->Gauge("edgetp_network_version", {}).Set(version);
}

void ServerMetrics::BeginRun(const RunLabels& labels) {
  const bool goes_on = !begun_.empty() && begun_.back().run == labels.run &&
                       begun_.back().ended == absl::InfiniteFuture();
  metrics_->Gauge("edgetp_run_attempt", {labels.run}).Set(labels.attempt);
  if (goes_on) return;
  run_ = labels.run;
  begun_.push_back({run_});
  metrics_
      ->Gauge("edgetp_run_info", {labels.run, labels.model, labels.pattern, labels.network,
                                  absl::StrCat(labels.workers), labels.clock})
      .Set(1);
  metrics_->Gauge("edgetp_run_start_timestamp_seconds", {run_}).Set(UnixSecondsNow());
  metrics_->Gauge("edgetp_run_sync_points", {run_}).Set(labels.sync_points);
  metrics_->Gauge("edgetp_run_target_steps", {run_}).Set(labels.target_steps);
  metrics_->Gauge("edgetp_run_completed_steps", {run_}).Set(0);
  metrics_->Counter("edgetp_run_skipped_steps_total", {run_});
  metrics_->Gauge("edgetp_run_recovering", {run_}).Set(0);
  BeginSteps(labels.network);
  for (int rank = 0; labels.knows_energy && rank < labels.workers; ++rank)
    metrics_->Counter("edgetp_run_energy_joules_total", {run_, absl::StrCat(rank)});
}

void ServerMetrics::BeginSteps(const std::string& network) {
  // rate() does not see the increase with which a counter appears.
  metrics_->Histogram("edgetp_run_step_seconds", {run_, network});
  VisitTerms(v1::Breakdown(), [&](const char* term, double) {
    metrics_->Counter("edgetp_run_step_breakdown_seconds_total", {run_, network, term});
  });
  metrics_->Counter("edgetp_run_hidden_seconds_total", {run_, network});
}

void ServerMetrics::LoseAttempt(const std::string& run) {
  metrics_->Gauge("edgetp_run_recovering", {run}).Set(1);
}

void ServerMetrics::Step(const v1::StepRecord& record) {
  metrics_->Gauge("edgetp_run_recovering", {run_}).Set(0);
  metrics_->Gauge("edgetp_run_completed_steps", {run_}).Set(record.step());
  if (record.has_train_loss())
    metrics_->Gauge("edgetp_run_train_loss", {run_}).Set(record.train_loss());
  if (record.has_val_loss()) metrics_->Gauge("edgetp_run_val_loss", {run_}).Set(record.val_loss());
  if (record.step() == 0) return;  // an evaluation before the first step, which took no time
  metrics_->Gauge("edgetp_run_elapsed_seconds", {run_}).Set(record.wall_seconds());
  metrics_->Histogram("edgetp_run_step_seconds", {run_, record.network()})
      .Observe(record.step_seconds());
  VisitTerms(record.breakdown_seconds(), [&](const char* term, double seconds) {
    metrics_->Counter("edgetp_run_step_breakdown_seconds_total", {run_, record.network(), term})
        .Increment(std::max(seconds, 0.0));
  });
  metrics_->Counter("edgetp_run_hidden_seconds_total", {run_, record.network()})
      .Increment(std::max(record.hidden_seconds(), 0.0));
  for (int rank = 0; rank < record.energy().joules_per_rank_size(); ++rank) {
    metrics_->Counter("edgetp_run_energy_joules_total", {run_, absl::StrCat(rank)})
        .Increment(std::max(record.energy().joules_per_rank(rank), 0.0));
  }
  metrics_->Gauge("edgetp_run_tokens_per_second", {run_}).Set(record.tokens_per_second());
  metrics_->Gauge("edgetp_run_learning_rate", {run_}).Set(record.learning_rate());
  metrics_->Gauge("edgetp_run_gradient_norm", {run_}).Set(record.gradient_norm());
  if (record.has_mfu()) metrics_->Gauge("edgetp_run_mfu", {run_}).Set(record.mfu());
  if (record.skipped()) metrics_->Counter("edgetp_run_skipped_steps_total", {run_}).Increment();
}

void ServerMetrics::MediumGrant(const std::string& run, double airtime_seconds,
                                double queueing_seconds) {
  metrics_->Counter("edgetp_medium_grants_total", {run}).Increment();
  metrics_->Counter("edgetp_medium_airtime_seconds_total", {run}).Increment(airtime_seconds);
  metrics_->Counter("edgetp_medium_queueing_seconds_total", {run}).Increment(queueing_seconds);
}

void ServerMetrics::EndRun(const std::string& run, const std::string& status, absl::Time now) {
  metrics_->Counter("edgetp_runs_total", {status}).Increment();
  for (Begun& begun : begun_) {
    if (begun.run != run) continue;
    begun.ended = now;
    metrics_->Gauge("edgetp_run_recovering", {run}).Set(0);
  }
}

void ServerMetrics::ForgetEndedRuns(absl::Time now) {
  while (begun_.size() > 1 && begun_.front().ended + kKeepEndedRun <= now) {
    metrics_->Drop("run", begun_.front().run);
    begun_.pop_front();
  }
}

}  // namespace edgetp
