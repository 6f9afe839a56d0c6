// Where the results of training go: step reports to the server and the metrics, checkpoints and
// progress to the server.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/data/corpus.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/control.grpc.pb.h"
#include "worker/job/run_recorder.h"
#include "worker/job/server_link.h"
#include "worker/job/train_loop.h"

namespace edgetp {

// The name of the profile in force, which the stream's thread changes. Thread-safe.
class NetworkName {
 public:
  explicit NetworkName(std::string name) : name_(std::move(name)) {}
  void Set(const std::string& name);
  std::string Get() const;

 private:
  mutable std::mutex mutex_;
  std::string name_;
};

// Which of many reports of progress people need: the first and the last of an activity, and some in
// between. Passive: `now` is an argument.
class ProgressFilter {
 public:
  bool Passes(absl::Time now, const v1::JobProgress& progress);

 private:
  std::string activity_;
  absl::Time next_ = absl::InfinitePast();
};

// Sends progress to the server. `link` must outlive the callback.
ProgressCallback SendProgress(const std::string& job, ServerLink* link);

// All that it is given must outlive it. `progress` may be null.
class JobSink final : public TrainingSink {
 public:
  JobSink(const v1::Assign& assign, const Corpus& corpus, const NetworkName& network,
          ServerLink* link, v1::Blobs::Stub* blobs, RunRecorder* recorder,
          ProgressCallback progress);

  double Seconds() const override;
  void EndStep(v1::StepReport* report) override;
  void Step(const StepStats& stats, v1::StepReport report) override;
  absl::StatusOr<std::unique_ptr<CheckpointWriter>> BeginCheckpoint(
      int step, const std::vector<TensorInfo>& tensors) override;

 private:
  // The validation loss, if the step was evaluated.
  std::optional<double> LossAfter(int step) const;

  const v1::Assign& assign_;
  const Corpus& corpus_;
  const NetworkName& network_;
  ServerLink* const link_;
  v1::Blobs::Stub* const blobs_;
  RunRecorder* const recorder_;
  const ProgressCallback progress_;
  const absl::Time begin_;
  v1::StepReport last_;  // without what its step took
};

}  // namespace edgetp
