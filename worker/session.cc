#include "worker/session.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "worker/process_setup.h"

namespace edgetp {
namespace {

// All ranks have met after the last checkpoint: they finish within a moment of one another.
constexpr absl::Duration kFinishTimeout = absl::Minutes(2);

// A worker that leaves without a word is missed: people are told of it.
void SendLeave(ServerLink* link) {
  v1::WorkerMessage message;
  message.mutable_leave();
  link->Send(std::move(message));
}

}  // namespace

Session::Session(ServerLinkOptions options, const JobEnvironment* environment)
    : options_(std::move(options)), environment_(environment) {}

absl::Status Session::Run() {
  ServerLink::Handler handler{[this](const v1::ServerMessage& message) { OnMessage(message); },
                              [this](const absl::Status& status) { OnClosed(status); }};
  ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link,
                   ServerLink::Connect(options_, std::move(handler)));
  spdlog::info("joined {} as {}", options_.server, link->welcome().worker_id());
  const v1::JoinRequest& join = options_.join;
  environment_->metrics->SetInfo(link->welcome().worker_id(), join.member().host(), join.device(),
                                 join.blas());
  environment_->metrics->SetJoined(true);
  while (std::optional<v1::Assign> assign = NextAssignment()) RunJob(*assign, link.get());
  if (stopped_) SendLeave(link.get());
  link.reset();  // before closed_ is read: its threads write it
  return closed_;
}

void Session::Stop() {
  std::lock_guard lock(mutex_);
  over_ = true;
  stopped_ = true;
  if (control_ != nullptr) control_->Abort(absl::CancelledError("this worker was told to stop"));
  changed_.notify_all();
}

void Session::OnMessage(const v1::ServerMessage& message) {
  std::lock_guard lock(mutex_);
  const auto concerns = [this](const std::string& job) {
    return control_ != nullptr && job_ == job;
  };
  switch (message.body_case()) {
    case v1::ServerMessage::kAssign:
      assignment_ = message.assign();
      job_ = message.assign().job();
      control_ = std::make_shared<JobControl>();
      changed_.notify_all();
      break;
    case v1::ServerMessage::kStart:
      if (concerns(message.start().job())) control_->Start();
      break;
    case v1::ServerMessage::kFinish:
      if (concerns(message.finish().job())) control_->Finish();
      break;
    case v1::ServerMessage::kNetwork:
      if (concerns(message.network().job())) control_->SetNetwork(message.network().network());
      break;
    case v1::ServerMessage::kAbort:
      if (concerns(message.abort().job())) {
        const v1::Failure& failure = message.abort().failure();
        control_->Abort(absl::AbortedError(failure.message()));
      }
      break;
    case v1::ServerMessage::kWelcome:
    case v1::ServerMessage::BODY_NOT_SET:
      spdlog::warn("unexpected message of the server: {}", message.ShortDebugString());
      break;
  }
}

void Session::OnClosed(const absl::Status& status) {
  std::lock_guard lock(mutex_);
  if (!over_) closed_ = status;
  over_ = true;
  if (control_ != nullptr) control_->Abort(status);
  changed_.notify_all();
}

std::optional<v1::Assign> Session::NextAssignment() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return over_ || assignment_.has_value(); });
  if (over_) return std::nullopt;
  return std::exchange(assignment_, std::nullopt);
}

void Session::RunJob(const v1::Assign& assign, ServerLink* link) {
  std::shared_ptr<JobControl> control;
  {
    std::lock_guard lock(mutex_);
    control = control_;
  }
  spdlog::info("job {}: rank {} of {}", assign.job(), assign.rank(), assign.members_size());
  const JobContext context{environment_, link, control.get()};
  absl::Status status = ExecuteJob(assign, context);
  ReleaseFreeMemory();
  if (status.ok()) status = control->AwaitFinish(MonotonicNow() + kFinishTimeout);
  if (status.ok()) {
    spdlog::info("job {}: done", assign.job());
  } else {
    spdlog::error("job {}: rank {}: {}", assign.job(), assign.rank(), status.ToString());
  }
}

}  // namespace edgetp
