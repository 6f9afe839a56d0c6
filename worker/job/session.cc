#include "worker/job/session.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "worker/job/process_setup.h"

namespace edgetp {
namespace {

// All ranks have met after the last checkpoint: they finish within a moment of one another.
constexpr absl::Duration kFinishTimeout = absl::Minutes(2);
constexpr absl::Duration kShortestPause = absl::Milliseconds(500);
constexpr absl::Duration kLongestPause = absl::Seconds(5);
// For one try to reach a server that was there before.
constexpr absl::Duration kRejoinTimeout = absl::Seconds(3);

// A worker that leaves without a word is missed: people are told of it.
void SendLeave(ServerLink* link) {
  v1::WorkerMessage message;
  message.mutable_leave();
  link->Send(std::move(message));
}

}  // namespace

bool IsFinalRefusal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) ||
         absl::IsUnauthenticated(status) || absl::IsUnimplemented(status);
}

absl::Duration RejoinPause(int failures, double random) {
  const absl::Duration full =
      std::min(kLongestPause, kShortestPause * std::exp2(std::min(failures, 10)));
  return full * (1 - random / 2);
}

Session::Session(SessionOptions options, const JobEnvironment* environment)
    : options_(std::move(options)), environment_(environment) {}

absl::Status Session::Run() {
  std::mt19937 generator{std::random_device()()};
  std::uniform_real_distribution<double> random(0, 1);
  absl::Time give_up = MonotonicNow() + options_.link.connect_timeout;
  int failures = 0;
  for (bool ever_joined = false;;) {
    const absl::Status status = Stay(
        ever_joined ? kRejoinTimeout : std::max(absl::ZeroDuration(), give_up - MonotonicNow()));
    if (stopped_) return absl::OkStatus();
    if (joined_) {
      ever_joined = true;
      failures = 0;
      give_up = MonotonicNow() + options_.rejoin;
    }
    const absl::Duration pause = RejoinPause(failures++, random(generator));
    if (IsFinalRefusal(status) || MonotonicNow() + pause > give_up) return status;
    spdlog::warn("{}: joining again in {:.1f} s (try {})", std::string(status.message()),
                 absl::ToDoubleSeconds(pause), failures);
    Sleep(pause);
    if (stopped_) return absl::OkStatus();
  }
}

absl::Status Session::Stay(absl::Duration connect_timeout) {
  {
    std::lock_guard lock(mutex_);
    over_ = stopped_;
    joined_ = false;
    closed_ = absl::OkStatus();
    assignment_.reset();
    control_.reset();
    job_.clear();
  }
  ServerLink::Handler handler{[this](const v1::ServerMessage& message) { OnMessage(message); },
                              [this](const absl::Status& status) { OnClosed(status); }};
  ServerLinkOptions options = options_.link;
  options.connect_timeout = connect_timeout;
  options.is_stopped = [this] { return stopped_.load(); };
  ASSIGN_OR_RETURN(std::unique_ptr<ServerLink> link,
                   ServerLink::Connect(options, std::move(handler)));
  joined_ = true;
  spdlog::info("joined {} as {}", options.server, link->welcome().worker_id());
  const v1::JoinRequest& join = options.join;
  environment_->metrics->SetInfo(link->welcome().worker_id(), join.member().host(), join.device(),
                                 join.blas());
  environment_->metrics->SetJoined(true);
  while (std::optional<v1::Assign> assign = NextAssignment()) RunJob(*assign, link.get());
  environment_->metrics->SetJoined(false);
  if (stopped_) SendLeave(link.get());
  link.reset();  // before closed_ is read: its threads write it
  return closed_;
}

void Session::Sleep(absl::Duration pause) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, absl::ToChronoNanoseconds(pause), [this] { return stopped_.load(); });
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
      if (concerns(message.network().job())) control_->SetNetwork(message.network());
      break;
    case v1::ServerMessage::kClock:
      if (concerns(message.clock().job())) control_->SetClock(message.clock());
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
