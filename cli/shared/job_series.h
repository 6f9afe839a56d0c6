// Jobs of one command on one cluster: it is opened once, what the jobs start from is put there once,
// and a local cluster that is not sound any more is replaced by a new one. Not thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "cli/shared/cluster.h"
#include "cli/shared/eta.h"
#include "cli/shared/exit_code.h"
#include "cli/shared/job.h"
#include "common/data/corpus.h"
#include "common/data/weights_file.h"
#include "edgetp/v1/cluster.pb.h"

namespace edgetp {

// What jobs start from, beside their specs; absent: nothing.
struct JobBlobs {
  std::optional<Corpus> corpus;
  std::optional<WeightsFile> weights;
};

class JobSeries {
 public:
  // Starts or reaches a cluster with at least `workers` workers. `flags` outlive this. `precision`:
  // of the jobs' products; a local cluster whose devices do not have it is not started.
  // Blocks until: it is there and has the blobs.
  // Errors: those of Cluster::Open and Remote::PutBlob.
  static absl::StatusOr<JobSeries> Open(const ClusterFlags& flags, int workers, JobBlobs blobs,
                                        const std::string& precision = "");

  // Runs `spec`, completed by the blobs, to its end. After a job that failed, a local cluster is
  // started anew first, and the logs of the old one are kept.
  // Errors: those of RunJob and Open.
  absl::StatusOr<JobOutcome> Run(v1::JobSpec spec, const EventCallback& on_event);
  // The same with a progress line, behind `label`. `sweep`: of all jobs; may be null.
  absl::StatusOr<JobOutcome> RunShown(const v1::JobSpec& spec, const std::string& label,
                                      const SweepEta* sweep = nullptr);

  Cluster& cluster() { return cluster_; }

 private:
  JobSeries(const ClusterFlags& flags, int workers, JobBlobs blobs, std::string precision)
      : flags_(&flags),
        workers_(workers),
        blobs_(std::move(blobs)),
        precision_(std::move(precision)) {}
  absl::Status Start();
  absl::Status PutCorpus();
  absl::StatusOr<JobOutcome> RunOnce(v1::JobSpec spec, const EventCallback& on_event);

  const ClusterFlags* flags_;
  int workers_;
  JobBlobs blobs_;
  std::string precision_;
  Cluster cluster_;
  std::string corpus_blob_;  // ids; empty: none
  // Of a corpus that stays where it is, on the server's host; absent: the blob has its tokens.
  std::optional<v1::CorpusFiles> corpus_files_;
  bool sends_tokens_ = false;  // the server cannot read the corpus's folder
  std::string weights_blob_;
  bool sound_ = true;
};

// A command that is a single job: runs it on a cluster of its own or on that of --server. `report`
// prints the result. Says on stderr what failed.
enum class ShowProgress { kNo, kYes };
ExitCode RunSingleJob(const ClusterFlags& flags, const v1::JobSpec& spec, JobBlobs blobs,
                      ShowProgress show,
                      const std::function<ExitCode(const v1::JobResult&)>& report);

}  // namespace edgetp
