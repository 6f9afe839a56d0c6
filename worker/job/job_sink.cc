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

// Sends a checkpoint to the server as it is gathered.
class CheckpointUpload final : public CheckpointWriter {
 public:
  CheckpointUpload(v1::Blobs::Stub* blobs, const std::string& id, uint64_t size,
                   const ProgressCallback& progress)
      : upload_(blobs, id, size), size_(size), progress_(progress) {}

  absl::Status Write(absl::Span<const float> values) override {
    return WriteBytes(
        {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
  }

  absl::Status WriteBytes(absl::string_view bytes) {
    if (!upload_.Write(bytes)) {
      RETURN_IF_ERROR(upload_.Finish().status());
      return absl::InternalError("the server has answered before it had all of the checkpoint");
    }
    sent_ += bytes.size();
    Tell();
    return absl::OkStatus();
  }

  absl::Status Finish() override { return upload_.Finish().status(); }

  void Tell() const {
    if (!progress_) return;
    v1::JobProgress progress;
    progress.set_activity("saving checkpoint");
    progress.set_done(static_cast<double>(sent_));
    progress.set_total(static_cast<double>(size_));
    progress.set_unit("bytes");
    progress_(std::move(progress));
  }

 private:
  BlobUpload upload_;
  const uint64_t size_;
  const ProgressCallback& progress_;
  uint64_t sent_ = 0;
};

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

double JobSink::Seconds() const { return absl::ToDoubleSeconds(MonotonicNow() - begin_); }

void JobSink::EndStep(v1::StepReport* report) {
  report->set_job(assign_.job());
  report->set_network(network_.Get());
  report->set_end_seconds(Seconds());
}

void JobSink::Step(const StepStats& stats, v1::StepReport report) {
  recorder_->OnStep(stats, report);
  last_.Clear();
  last_.set_step(report.step());
  if (report.has_val_loss()) last_.set_val_loss(report.val_loss());
  v1::WorkerMessage message;
  *message.mutable_step() = std::move(report);
  link_->Send(std::move(message));
}

std::optional<double> JobSink::LossAfter(int step) const {
  if (last_.step() != step || !last_.has_val_loss()) return std::nullopt;
  return last_.val_loss();
}

absl::StatusOr<std::unique_ptr<CheckpointWriter>> JobSink::BeginCheckpoint(
    int step, const std::vector<TensorInfo>& tensors) {
  ASSIGN_OR_RETURN(const std::string header,
                   CheckpointHeader(assign_.spec().config(), corpus_.symbols(), corpus_.tokenizer(),
                                    step, tensors, LossAfter(step)));
  uint64_t size = header.size();
  for (const TensorInfo& tensor : tensors)
    size += static_cast<uint64_t>(tensor.elements()) * sizeof(float);
  auto upload = std::make_unique<CheckpointUpload>(
      blobs_, absl::StrCat("checkpoint:", assign_.job(), "/", step), size, progress_);
  upload->Tell();
  RETURN_IF_ERROR(upload->WriteBytes(header));
  return upload;
}

}  // namespace edgetp
