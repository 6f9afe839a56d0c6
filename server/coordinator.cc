#include "server/coordinator.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/config/defaults.h"
#include "common/config/load.h"
#include "common/rpc/run_state.h"
#include "common/rpc/status.h"
#include "server/hardware.h"

namespace edgetp {
namespace {

// A sweep of a few hundred cells can be looked at; a server that runs for months must not grow
// without end.
constexpr size_t kEndedRunsKept = 200;
constexpr size_t kMaxSampleBytes = 64 << 10;  // of text that a job makes, in one message

// The run that a worker's message is about; empty for a heartbeat.
std::string JobOf(const v1::WorkerMessage& message) {
  switch (message.body_case()) {
    case v1::WorkerMessage::kReady:
      return message.ready().job();
    case v1::WorkerMessage::kStep:
      return message.step().job();
    case v1::WorkerMessage::kResult:
      return message.result().job();
    case v1::WorkerMessage::kFailure:
      return message.failure().job();
    case v1::WorkerMessage::kProgress:
      return message.progress().job();
    case v1::WorkerMessage::kSample:
      return message.sample().job();
    default:
      return "";
  }
}

}  // namespace

Coordinator::Coordinator(CoordinatorOptions options)
    : options_(options), cluster_network_(UnlimitedNetwork()) {
  FillDefaults(&cluster_network_);
}

absl::StatusOr<std::string> Coordinator::Join(absl::Time now, const v1::JoinRequest& request,
                                              Outputs* out) {
  if (shut_down_) return absl::UnavailableError("join: the server is shutting down");
  absl::StatusOr<std::string> id = membership_.Join(now, request);
  if (!id.ok()) return id;
  v1::ServerMessage message;
  v1::Welcome* const welcome = message.mutable_welcome();
  welcome->set_worker_id(*id);
  welcome->set_heartbeat_seconds(absl::ToDoubleSeconds(options_.heartbeat));
  welcome->set_heartbeat_limit_seconds(absl::ToDoubleSeconds(options_.heartbeat_limit));
  out->sends.emplace_back(*id, std::move(message));
  Advance(now, out);
  return id;
}

void Coordinator::OnMessage(absl::Time now, const std::string& id, const v1::WorkerMessage& message,
                            Outputs* out) {
  Worker* const worker = membership_.Find(id);
  if (worker == nullptr) return;
  worker->last_heard = now;
  if (message.has_join() || message.body_case() == v1::WorkerMessage::BODY_NOT_SET) {
    out->disconnects.emplace_back(
        id, absl::InvalidArgumentError("join: a later message is `join` or empty"));
    Lose(id, true, "it broke the protocol");
    return Advance(now, out);
  }
  if (message.has_leave()) {
    Lose(id, false, "it was told to stop");
    return Advance(now, out);
  }
  // A worker that is still unwinding may speak of a job that has ended for us.
  if (active_ != nullptr && worker->rank.has_value() && JobOf(message) == active_->job()) {
    OnJobMessage(now, *worker->rank, message, out);
  }
  Advance(now, out);
}

void Coordinator::OnJobMessage(absl::Time now, int rank, const v1::WorkerMessage& message,
                               Outputs* out) {
  active_->Heard(now);
  switch (message.body_case()) {
    case v1::WorkerMessage::kReady:
      if (active_->Ready(now, rank)) {
        v1::ServerMessage start;
        start.mutable_start()->set_job(active_->job());
        Broadcast(start, out);
        Announce(active_->run(), v1::Phase::NAME_RUNNING, "", out);
      }
      break;
    case v1::WorkerMessage::kStep:
      OnStep(now, rank, message.step(), out);
      FollowNetwork(now, out);  // a simulated clock has moved
      break;
    case v1::WorkerMessage::kResult:
      active_->Result(rank, message.result());
      break;
    case v1::WorkerMessage::kFailure:
      active_->Fail(now, rank, message.failure());
      break;
    case v1::WorkerMessage::kProgress:
      OnProgress(message.progress(), out);
      break;
    case v1::WorkerMessage::kSample:
      if (!active_->spec().has_sample() || message.sample().text().size() > kMaxSampleBytes) break;
      *out->events.emplace_back(active_->run(), v1::RunEvent()).second.mutable_sample() =
          message.sample();
      break;
    default:
      break;
  }
}

void Coordinator::OnStep(absl::Time now, int rank, const v1::StepReport& report, Outputs* out) {
  std::optional<v1::StepRecord> record = active_->Step(now, rank, report);
  if (!record.has_value()) return;
  if (v1::StatusResponse::Run* const run = FindRun(active_->run()); run != nullptr)
    run->set_step(record->step());
  if (const auto clock = active_->ClockAfter(*record); clock.has_value()) Broadcast(*clock, out);
  v1::RunEvent event;
  *event.mutable_step() = *std::move(record);
  out->events.emplace_back(active_->run(), std::move(event));
}

// For people alone: what is too long is cut, and what would control their terminal is taken out.
void Coordinator::OnProgress(const v1::JobProgress& progress, Outputs* out) {
  constexpr size_t kMaxTextBytes = 1024;
  if (!std::isfinite(progress.done()) || !std::isfinite(progress.total()) ||
      active_->phase() == ActiveJob::Phase::kEnded) {
    return;
  }
  v1::RunEvent event;
  *event.mutable_progress() = progress;
  event.mutable_progress()->set_job(active_->run());
  for (std::string* text :
       {event.mutable_progress()->mutable_activity(), event.mutable_progress()->mutable_unit()}) {
    if (text->size() > kMaxTextBytes) text->resize(kMaxTextBytes);
    std::replace_if(
        text->begin(), text->end(), [](char c) { return absl::ascii_iscntrl(c); }, ' ');
  }
  out->events.emplace_back(active_->run(), std::move(event));
}

void Coordinator::OnStreamClosed(absl::Time now, const std::string& worker, Outputs* out) {
  Lose(worker, true, "stream closed");
  Advance(now, out);
}

void Coordinator::Lose(const std::string& id, bool missed, const std::string& reason) {
  Worker* const worker = membership_.Find(id);
  if (worker == nullptr) return;
  const std::optional<int> rank = worker->rank;
  membership_.SetGone(id, missed);
  if (rank.has_value() && active_ != nullptr) active_->Lose(*rank, reason);
}

void Coordinator::Tick(absl::Time now, Outputs* out) {
  for (const std::string& worker : membership_.Silent(now, options_.heartbeat_limit)) {
    const std::string reason =
        absl::StrFormat("no heartbeat for %.1f s", absl::ToDoubleSeconds(options_.heartbeat_limit));
    out->disconnects.emplace_back(worker,
                                  absl::DeadlineExceededError(absl::StrCat("join: ", reason)));
    Lose(worker, true, reason);
  }
  if (active_ != nullptr) {
    active_->Tick(now);
    FollowNetwork(now, out);
    if (const std::string waiting = active_->Waiting(now); !waiting.empty()) {
      v1::JobProgress progress;
      progress.set_job(active_->run());
      progress.set_activity(waiting);
      OnProgress(progress, out);
    }
  }
  Advance(now, out);
}

absl::Status Coordinator::CanSubmit() const {
  if (shut_down_) return absl::UnavailableError("submit: the server is shutting down");
  if (queued() < options_.max_queued) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("submit: the queue is full (limit=", options_.max_queued, ")"));
}

absl::Status Coordinator::Submit(absl::Time now, const std::string& run, const v1::JobSpec& spec,
                                 Outputs* out, RunHistory history) {
  if (absl::Status status = CanSubmit(); !status.ok()) return status;
  v1::StatusResponse::Run& state = runs_.emplace_back();
  state.set_run(run);
  state.set_steps(StepsOf(spec));
  state.set_pattern(spec.config().pattern());
  state.set_network(spec.config().network().name());
  state.set_workers(spec.config().workers());
  if (runs_.size() > kEndedRunsKept) {
    const auto old =
        std::find_if(runs_.begin(), runs_.end(), [](const auto& r) { return HasEnded(r.state()); });
    if (old != runs_.end()) runs_.erase(old);
  }
  queue_.push_back(Queued{run, spec, std::move(history)});
  const int ahead = queued() - 1 + (active_ != nullptr ? 1 : 0);
  Announce(run, v1::Phase::NAME_QUEUED,
           ahead > 0 ? absl::StrCat("behind ", ahead, ahead == 1 ? " run" : " runs") : "", out);
  Advance(now, out);
  return absl::OkStatus();
}

absl::Status Coordinator::Stop(absl::Time now, const std::string& run, Outputs* out) {
  const v1::StatusResponse::Run* const state = FindRun(run);
  if (state == nullptr) return absl::NotFoundError(absl::StrCat("stop: no run named ", run));
  if (HasEnded(state->state())) {
    return absl::FailedPreconditionError(
        absl::StrCat("stop: run ", run, " has ended (", state->state(), ")"));
  }
  const absl::Status reason = absl::CancelledError("stopped on request");
  const auto queued =
      std::find_if(queue_.begin(), queue_.end(), [&](const Queued& q) { return q.run == run; });
  if (queued != queue_.end()) EndQueued(queued, "stopped", reason, out);
  if (active_ != nullptr && active_->run() == run) active_->Stop(reason);
  Advance(now, out);
  return absl::OkStatus();
}

void Coordinator::FailRun(absl::Time now, const std::string& run, const absl::Status& reason,
                          Outputs* out) {
  const auto queued =
      std::find_if(queue_.begin(), queue_.end(), [&](const Queued& q) { return q.run == run; });
  if (queued != queue_.end()) EndQueued(queued, "failed", reason, out);
  if (active_ != nullptr && active_->run() == run) active_->FailFromOutside(reason);
  Advance(now, out);
}

void Coordinator::FillStatus(absl::Time now, v1::StatusResponse* status) const {
  membership_.FillStatus(now, status);
  for (const v1::StatusResponse::Run& run : runs_) *status->add_runs() = run;
}

void Coordinator::Shutdown(absl::Time now, const absl::Status& reason, Outputs* out) {
  shut_down_ = true;
  while (!queue_.empty()) EndQueued(queue_.begin(), "stopped", reason, out);
  if (active_ != nullptr) active_->Stop(reason);
  Advance(now, out);
  for (const Worker& worker : membership_.workers()) {
    if (!worker.gone) out->disconnects.emplace_back(worker.id, reason);
  }
}

void Coordinator::Broadcast(const v1::ServerMessage& message, Outputs* out) const {
  for (const std::string& worker : active_->workers()) out->sends.emplace_back(worker, message);
}

void Coordinator::Announce(const std::string& run, v1::Phase::Name phase, const std::string& detail,
                           Outputs* out) {
  if (v1::StatusResponse::Run* const state = FindRun(run); state != nullptr)
    state->set_state(RunStateOf(phase));
  v1::RunEvent event;
  event.mutable_phase()->set_name(phase);
  event.mutable_phase()->set_detail(detail);
  out->events.emplace_back(run, std::move(event));
}

v1::StatusResponse::Run* Coordinator::FindRun(const std::string& run) {
  const auto found =
      std::find_if(runs_.rbegin(), runs_.rend(), [&](const auto& r) { return r.run() == run; });
  return found == runs_.rend() ? nullptr : &*found;
}

}  // namespace edgetp
