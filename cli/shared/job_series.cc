#include "cli/shared/job_series.h"

#include <cstdio>
#include <utility>

#include "absl/strings/str_format.h"
#include "cli/shared/command.h"
#include "cli/shared/progress.h"
#include "cli/shared/recovery_options.h"
#include "common/base/status_macros.h"
#include "common/config/units.h"

namespace edgetp {

absl::StatusOr<JobSeries> JobSeries::Open(const ClusterFlags& flags, int workers, JobBlobs blobs,
                                          const std::string& precision) {
  JobSeries series(flags, workers, std::move(blobs), precision);
  RETURN_IF_ERROR(series.Start());
  return series;
}

absl::Status JobSeries::Start() {
  ClusterFlags flags = *flags_;
  flags.local.precision = precision_;
  ASSIGN_OR_RETURN(cluster_, Cluster::Open(flags, workers_));
  Remote& remote = cluster_.remote();
  RETURN_IF_ERROR(PutCorpus());
  if (blobs_.weights.has_value()) {
    weights_blob_ = blobs_.weights->blob;
    if (weights_blob_.empty()) {
      ASSIGN_OR_RETURN(weights_blob_, remote.PutBlob(blobs_.weights->bytes));
    }
  }
  sound_ = true;
  return absl::OkStatus();
}

absl::Status JobSeries::PutCorpus() {
  corpus_files_.reset();
  if (!blobs_.corpus.has_value()) return absl::OkStatus();
  const Corpus& corpus = *blobs_.corpus;
  const CorpusFolder* const folder = sends_tokens_ ? nullptr : corpus.folder();
  if (folder == nullptr) {
    ASSIGN_OR_RETURN(corpus_blob_, cluster_.remote().PutBlob(corpus.Bytes()));
    return absl::OkStatus();
  }
  v1::CorpusFiles files;
  files.set_folder(folder->path);
  files.set_train_tokens(corpus.size(Split::kTrain));
  files.set_validation_tokens(corpus.size(Split::kValidation));
  ASSIGN_OR_RETURN(*files.mutable_digest(), DigestOfTokens(*folder->train, *folder->validation));
  ASSIGN_OR_RETURN(corpus_blob_, cluster_.remote().PutBlob(corpus.Description(files.digest())));
  corpus_files_ = std::move(files);
  return absl::OkStatus();
}

absl::StatusOr<JobOutcome> JobSeries::Run(v1::JobSpec spec, const EventCallback& on_event) {
  // After a failure our own processes may be gone or stuck; a running cluster is its owner's.
  if (!sound_ && cluster_.local() != nullptr) {
    cluster_.KeepLogs();
    cluster_ = Cluster();
    RETURN_IF_ERROR(Start());
  }
  auto outcome = RunOnce(spec, on_event);
  // The server of another host may not see the folder.
  if (corpus_files_.has_value() && absl::IsFailedPrecondition(outcome.status())) {
    absl::FPrintF(
        stderr, "edgetp: %s; its tokens are sent there: %s\n",
        std::string(outcome.status().message()),
        FormatBytes(2.0 * (corpus_files_->train_tokens() + corpus_files_->validation_tokens())));
    sends_tokens_ = true;
    RETURN_IF_ERROR(PutCorpus());
    outcome = RunOnce(std::move(spec), on_event);
  }
  sound_ = outcome.ok() && outcome->status.ok();
  return outcome;
}

absl::StatusOr<JobOutcome> JobSeries::RunOnce(v1::JobSpec spec, const EventCallback& on_event) {
  if (!corpus_blob_.empty()) spec.set_corpus_blob(corpus_blob_);
  if (corpus_files_.has_value()) *spec.mutable_corpus_files() = *corpus_files_;
  if (!weights_blob_.empty()) spec.set_weights_blob(weights_blob_);
  if (cluster_.local() != nullptr) cluster_.local()->SetDeadWorkers(DeadWorkersOf(spec.config()));
  return RunJob(cluster_.remote(), spec, cluster_.local(), on_event);
}

absl::StatusOr<JobOutcome> JobSeries::RunShown(const v1::JobSpec& spec, const std::string& label,
                                               const SweepEta* sweep) {
  Progress progress(label, spec.has_train() ? spec.config() : v1::RunConfig(), sweep);
  return Run(spec, [&](const v1::RunEvent& event) { progress.Show(event); });
}

ExitCode RunSingleJob(const ClusterFlags& flags, const v1::JobSpec& spec, JobBlobs blobs,
                      ShowProgress show,
                      const std::function<ExitCode(const v1::JobResult&)>& report) {
  auto series = JobSeries::Open(flags, spec.config().workers(), std::move(blobs),
                                spec.config().memory().precision());
  if (!series.ok()) return Report(series.status());
  const auto outcome = show == ShowProgress::kYes ? series->RunShown(spec, "")
                                                  : series->Run(spec, [](const v1::RunEvent&) {});
  if (!outcome.ok()) return Report(outcome.status());
  if (!outcome->status.ok()) return ReportFailure(*outcome, series->cluster());
  return report(*outcome->result);
}

}  // namespace edgetp
