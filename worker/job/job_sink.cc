#include "worker/job/job_sink.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/rpc/blobs.h"
#include "worker/job/checkpoint.h"

namespace edgetp {
namespace {

// Often enough for a line that moves.
constexpr absl::Duration kProgressInterval = absl::Milliseconds(200);

}  // namespace

bool ProgressFilter::Passes(absl::Time now, const v1::JobProgress& progress) {
  const bool ends = progress.total() > 0 && progress.done() >= progress.total();
  if (progress.activity() == activity_ && now < next_ && !ends) return false;
  activity_ = progress.activity();
  next_ = now + kProgressInterval;
  return true;
}

ProgressCallback SendProgress(const std::string& job, ServerLink* link) {
  return [job, link, filter = ProgressFilter()](v1::JobProgress progress) mutable {
    if (!filter.Passes(MonotonicNow(), progress)) return;
    progress.set_job(job);
    v1::WorkerMessage message;
    *message.mutable_progress() = std::move(progress);
    link->Send(std::move(message));
  };
}

void NetworkName::Set(const std::string& name) {
  std::lock_guard lock(mutex_);
  name_ = name;
}

std::string NetworkName::Get() const {
  std::lock_guard lock(mutex_);
  return name_;
}

JobSink::JobSink(const v1::Assign& assign, const Corpus& corpus, const NetworkName& network,
                 ServerLink* link, v1::Blobs::Stub* blobs, RunRecorder* recorder,
                 ProgressCallback progress)
    : assign_(assign),
      corpus_(corpus),
      network_(network),
      link_(link),
      blobs_(blobs),
      recorder_(recorder),
      progress_(std::move(progress)),
      begin_(MonotonicNow()) {}

void JobSink::EndStep(v1::StepReport* report) {
  report->set_job(assign_.job());
  report->set_network(network_.Get());
  report->set_end_seconds(absl::ToDoubleSeconds(MonotonicNow() - begin_));
}

void JobSink::Step(const StepStats& stats, v1::StepReport report) {
  recorder_->OnStep(stats, report);
  v1::WorkerMessage message;
  *message.mutable_step() = std::move(report);
  link_->Send(std::move(message));
}

absl::Status JobSink::SaveCheckpoint(int step, std::vector<NamedTensor> tensors) {
  ASSIGN_OR_RETURN(const CheckpointFile file,
                   MakeCheckpoint(assign_.spec().config(), corpus_.symbols(), corpus_.tokenizer(),
                                  step, tensors));
  const std::vector<absl::string_view> pieces = file.Pieces();
  int64_t total = 0;
  for (const absl::string_view piece : pieces) total += static_cast<int64_t>(piece.size());
  const auto sent = [this, total](int64_t done) {
    if (!progress_) return;
    v1::JobProgress progress;
    progress.set_activity("saving checkpoint");
    progress.set_done(static_cast<double>(done));
    progress.set_total(static_cast<double>(total));
    progress.set_unit("bytes");
    progress_(std::move(progress));
  };
  sent(0);
  return PutBlobAs(blobs_, absl::StrCat("checkpoint:", assign_.job(), "/", step), pieces,
                   MonotonicNow() + kLongestTransfer, sent)
      .status();
}

}  // namespace edgetp
