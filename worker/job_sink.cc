#include "worker/job_sink.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/rpc/blobs.h"
#include "worker/checkpoint.h"

namespace edgetp {

void NetworkName::Set(const std::string& name) {
  std::lock_guard lock(mutex_);
  name_ = name;
}

std::string NetworkName::Get() const {
  std::lock_guard lock(mutex_);
  return name_;
}

JobSink::JobSink(const v1::Assign& assign, const Corpus& corpus, const NetworkName& network,
                 ServerLink* link, v1::Blobs::Stub* blobs, RunRecorder* recorder)
    : assign_(assign),
      corpus_(corpus),
      network_(network),
      link_(link),
      blobs_(blobs),
      recorder_(recorder),
      begin_(MonotonicNow()) {}

void JobSink::Step(const StepStats& stats, v1::StepReport report) {
  report.set_job(assign_.job());
  report.set_network(network_.Get());
  report.set_end_seconds(absl::ToDoubleSeconds(MonotonicNow() - begin_));
  recorder_->OnStep(stats, report);
  v1::WorkerMessage message;
  *message.mutable_step() = std::move(report);
  link_->Send(std::move(message));
}

absl::Status JobSink::SaveCheckpoint(int step, const std::vector<NamedTensor>& tensors) {
  ASSIGN_OR_RETURN(const CheckpointFile file,
                   MakeCheckpoint(assign_.spec().config(), corpus_.symbols(), step, tensors));
  const std::string id = absl::StrCat("checkpoint:", assign_.job(), "/", step);
  return PutBlobAs(blobs_, id, file.Pieces()).status();
}

}  // namespace edgetp
