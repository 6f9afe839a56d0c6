// The coordinator's queue: which job gets workers, how it begins, how it ends, and how a run that has
// lost a worker begins again.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/rpc/status.h"
#include "server/coordinator.h"
#include "server/hardware.h"
#include "server/recovery.h"

namespace edgetp {

void Coordinator::Advance(absl::Time now, Outputs* out) {
  if (active_ != nullptr && active_->phase() == ActiveJob::Phase::kEnded) FinishActive(now, out);
  while (active_ == nullptr && !queue_.empty()) {
    const size_t before = queue_.size();
    StartNext(now, out);
    if (queue_.size() == before) break;  // the first job waits for workers
  }
}

std::vector<Worker*> Coordinator::Candidates(const v1::JobSpec& spec) {
  const int wanted = spec.config().workers();
  // Benchmarks have no replicas.
  return spec.has_bench() ? membership_.Idle(wanted) : membership_.IdleOfOneKind(wanted);
}

void Coordinator::StartNext(absl::Time now, Outputs* out) {
  const Queued& next = queue_.front();
  const int wanted = next.spec.config().workers();
  const int found = static_cast<int>(Candidates(next.spec).size());
  if (found >= wanted) return Activate(now, out);
  if (!waiting_since_.has_value()) waiting_since_ = now;
  const std::vector<Worker*> idle = membership_.Idle(membership_.CountIdle());
  const std::string missing = MissingWorkers(wanted, found, idle);
  if (!next.history.loss.empty()) return AwaitRejoin(now, missing, out);
  if (now - *waiting_since_ < options_.worker_wait) return WaitForWorkers(missing, out);
  const double waited = absl::ToDoubleSeconds(options_.worker_wait);
  const bool mixed = static_cast<int>(idle.size()) >= wanted;
  const std::string reason =
      mixed ? absl::StrFormat("waited %.0f s in vain for %s", waited, missing)
            : absl::StrFormat("fewer workers than asked: %d of %d joined within %.0f s",
                              idle.size(), wanted, waited);
  EndQueued(queue_.begin(), "failed", absl::FailedPreconditionError(reason), out);
}

void Coordinator::WaitForWorkers(const std::string& missing, Outputs* out) {
  if (std::exchange(announced_missing_, missing) == missing) return;
  Announce(queue_.front().run, v1::Phase::NAME_QUEUED, "waiting for " + missing, out);
}

void Coordinator::AwaitRejoin(absl::Time now, const std::string& missing, Outputs* out) {
  const Queued& next = queue_.front();
  const absl::Duration limit = RejoinLimit(next.spec);
  const absl::Duration waited = now - *waiting_since_;
  if (waited >= limit) {
    const std::string reason =
        absl::StrFormat("%s; attempt %d waited %.0f s in vain for %s", next.history.loss,
                        next.history.attempt, absl::ToDoubleSeconds(limit), missing);
    return EndQueued(queue_.begin(), "failed", absl::UnavailableError(reason), out);
  }
  // Told once a second, so that a line of progress moves.
  const std::string told = absl::StrCat(missing, absl::ToInt64Seconds(waited));
  if (std::exchange(announced_missing_, told) == told) return;
  v1::RunEvent event;
  v1::JobProgress* const progress = event.mutable_progress();
  progress->set_job(next.run);
  progress->set_activity(absl::StrCat("attempt ", next.history.attempt, ": waiting for ", missing));
  progress->set_done(std::floor(absl::ToDoubleSeconds(waited)));
  progress->set_total(absl::ToDoubleSeconds(limit));
  progress->set_unit("seconds");
  out->events.emplace_back(next.run, std::move(event));
}

void Coordinator::Activate(absl::Time now, Outputs* out) {
  Queued job = std::move(queue_.front());
  queue_.pop_front();
  waiting_since_.reset();
  announced_missing_.clear();
  const std::vector<Worker*> workers = Candidates(job.spec);
  const std::string unlike = job.spec.has_bench() ? "" : UnlikeCpus(workers);
  active_ =
      std::make_unique<ActiveJob>(ActiveJob::Options{.run = job.run,
                                                     .spec = std::move(job.spec),
                                                     .ready_deadline = now + options_.ready_limit,
                                                     .blame_wait = options_.heartbeat_limit,
                                                     .begin = now,
                                                     .history = std::move(job.history)},
                                  workers);
  out->begun.push_back(job.run);
  for (int rank = 0; rank < static_cast<int>(workers.size()); ++rank) {
    workers[rank]->rank = rank;
    v1::ServerMessage message;
    *message.mutable_assign() = active_->Assignment(rank, options_.ready_limit);
    out->sends.emplace_back(workers[rank]->id, std::move(message));
  }
  Announce(job.run, v1::Phase::NAME_PREPARING,
           workers.size() == 1 ? "1 worker builds the model"
                               : absl::StrCat(workers.size(), " workers build their shards"),
           out);
  if (!unlike.empty()) Announce(active_->run(), v1::Phase::NAME_PREPARING, unlike, out);
}

void Coordinator::FinishActive(absl::Time now, Outputs* out) {
  EndedRun ended = active_->Ended();
  v1::ServerMessage message;
  if (ended.outcome == "done") {
    message.mutable_finish()->set_job(active_->job());
  } else {
    message.mutable_abort()->set_job(active_->job());
    *message.mutable_abort()->mutable_failure() = ToFailure(ended.failure);
  }
  Broadcast(message, out);
  for (const std::string& id : active_->workers()) {
    if (Worker* const worker = membership_.Find(id); worker != nullptr) worker->rank.reset();
  }
  if (active_->lost() && !shut_down_ && GoesOnAfterLoss(active_->spec())) {
    const absl::Status again = BeginAgain(now, out);
    if (again.ok()) return active_.reset();
    ended.failure =
        absl::Status(ended.failure.code(),
                     absl::StrCat(std::string(ended.failure.message()),
                                  "; the run does not go on: ", std::string(again.message())));
  }
  if (v1::StatusResponse::Run* const run = FindRun(ended.run); run != nullptr)
    run->set_state(ended.outcome);
  out->ended.push_back(std::move(ended));
  active_.reset();
}

absl::Status Coordinator::BeginAgain(absl::Time now, Outputs* out) {
  const std::string run = active_->run();
  const int steps = active_->spec().config().train().steps();
  // One of the last step leaves nothing to do, but to find out what the run has come to.
  const int checkpoint =
      options_.newest_checkpoint == nullptr ? 0 : options_.newest_checkpoint(run, steps);
  if (absl::Status status = CheckRestarts(active_->spec(), active_->RestartsWith(checkpoint));
      !status.ok())
    return status;
  absl::StatusOr<v1::JobSpec> spec = active_->spec();
  if (spec->config().recovery().on_loss() == "reshard") {
    const int left = static_cast<int>(Candidates(*spec).size());
    spec = ForWorkers(*spec, std::max(left, 1), active_->lost_rank());
    if (!spec.ok()) return spec.status();
  }
  const std::string reason(active_->failure().message());
  out->lost.push_back({run, active_->attempt(), reason});
  const std::string begin =
      checkpoint == 0 ? "at its first step: it has no checkpoint yet"
                      : absl::StrCat("after step ", checkpoint, ", from its newest checkpoint");
  Announce(run, v1::Phase::NAME_QUEUED,
           absl::StrCat(reason, "; attempt ", active_->attempt() + 1, " begins ", begin), out);
  queue_.push_front(Queued{run, *std::move(spec), active_->GiveHistory(checkpoint)});
  waiting_since_ = now;
  announced_missing_.clear();
  return absl::OkStatus();
}

void Coordinator::EndQueued(std::deque<Queued>::iterator job, const std::string& outcome,
                            const absl::Status& reason, Outputs* out) {
  if (job == queue_.begin()) {
    waiting_since_.reset();
    announced_missing_.clear();
  }
  if (v1::StatusResponse::Run* const run = FindRun(job->run); run != nullptr)
    run->set_state(outcome);
  RunHistory& history = job->history;
  EndedRun ended{.run = job->run,
                 .spec = std::move(job->spec),
                 .outcome = outcome,
                 .failure = reason,
                 .results = {},
                 .statistics = std::move(history.statistics),
                 .networks = {},
                 // The one that waits never began.
                 .attempts = std::max(1, history.attempt - 1),
                 .steps_repeated = history.steps_repeated,
                 .seconds_lost = history.seconds_lost};
  if (history.network.has_value()) ended.networks = history.network->profiles();
  out->ended.push_back(std::move(ended));
  queue_.erase(job);
}

}  // namespace edgetp
