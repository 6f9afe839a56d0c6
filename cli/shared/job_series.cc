#include "cli/shared/job_series.h"

#include <utility>

#include "cli/shared/command.h"
#include "cli/shared/progress.h"
#include "cli/shared/recovery_options.h"
#include "common/base/status_macros.h"

namespace edgetp {

absl::StatusOr<JobSeries> JobSeries::Open(const ClusterFlags& flags, int workers, JobBlobs blobs) {
  JobSeries series(flags, workers, std::move(blobs));
  RETURN_IF_ERROR(series.Start());
  return series;
}

absl::Status JobSeries::Start() {
  ASSIGN_OR_RETURN(cluster_, Cluster::Open(*flags_, workers_));
  Remote& remote = cluster_.remote();
  if (blobs_.corpus.has_value()) {
    ASSIGN_OR_RETURN(corpus_blob_, remote.PutBlob(*blobs_.corpus));
  }
  if (blobs_.weights.has_value()) {
    weights_blob_ = blobs_.weights->blob;
    if (weights_blob_.empty()) {
      ASSIGN_OR_RETURN(weights_blob_, remote.PutBlob(blobs_.weights->bytes));
    }
  }
  sound_ = true;
  return absl::OkStatus();
}

absl::StatusOr<JobOutcome> JobSeries::Run(v1::JobSpec spec, const EventCallback& on_event) {
  // After a failure our own processes may be gone or stuck; a running cluster is its owner's.
  if (!sound_ && cluster_.local() != nullptr) {
    cluster_.KeepLogs();
    cluster_ = Cluster();
    RETURN_IF_ERROR(Start());
  }
  if (!corpus_blob_.empty()) spec.set_corpus_blob(corpus_blob_);
  if (!weights_blob_.empty()) spec.set_weights_blob(weights_blob_);
  if (cluster_.local() != nullptr)
    cluster_.local()->SetDeadWorkers(DeadWorkersOf(spec.config()));
  auto outcome = RunJob(cluster_.remote(), spec, cluster_.local(), on_event);
  sound_ = outcome.ok() && outcome->status.ok();
  return outcome;
}

absl::StatusOr<JobOutcome> JobSeries::RunShown(const v1::JobSpec& spec, const std::string& label,
                                               const SweepEta* sweep) {
  Progress progress(label, spec.has_train() ? spec.config() : v1::RunConfig(), sweep);
  return Run(spec, [&](const v1::RunEvent& event) { progress.Show(event); });
}

ExitCode RunSingleJob(const ClusterFlags& flags, const v1::JobSpec& spec, JobBlobs blobs,
                      ShowProgress show,
                      const std::function<ExitCode(const v1::JobResult&)>& report) {
  auto series = JobSeries::Open(flags, spec.config().workers(), std::move(blobs));
  if (!series.ok()) return Report(series.status());
  const auto outcome = show == ShowProgress::kYes ? series->RunShown(spec, "")
                                                  : series->Run(spec, [](const v1::RunEvent&) {});
  if (!outcome.ok()) return Report(outcome.status());
  if (!outcome->status.ok()) return ReportFailure(*outcome, series->cluster());
  return report(*outcome->result);
}

}  // namespace edgetp
