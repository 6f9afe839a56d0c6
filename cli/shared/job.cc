#include "cli/shared/job.h"

#include <grpcpp/client_context.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/rpc/signals.h"
#include "common/rpc/status.h"

namespace edgetp {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(50);
// How often a silent server is asked whether it is there; it may be quiet for long in a slow step.
constexpr absl::Duration kProbeInterval = absl::Seconds(3);
// How long the server has to tell us the end of a job that we stopped, or whose process we saw end.
constexpr absl::Duration kStopGrace = absl::Seconds(5);
// A process that ends closes its sockets a moment before its parent can reap it.
constexpr absl::Duration kDeadChildLimit = absl::Milliseconds(500);

// Watches what the blocking reader cannot see: signals, dead children, a server that does not
// answer. It ends the stream when the job cannot end by itself, and keeps the reason.
class Monitor {
 public:
  Monitor(Remote& remote, std::string run, LocalCluster* cluster, bool stop_on_signal,
          grpc::ClientContext* stream)
      : remote_(remote),
        run_(std::move(run)),
        cluster_(cluster),
        stop_on_signal_(stop_on_signal),
        stream_(stream),
        thread_([this] { Loop(); }) {}

  // Ends the watching. Returns why the stream was, or should be, given up; OK if nothing was seen.
  absl::Status Finish() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      done_ = true;
      changed_.notify_all();
    }
    thread_.join();
    return reason_;
  }

 private:
  void Loop() {
    absl::Time give_up = absl::InfiniteFuture();
    absl::Time probe = MonotonicNow() + kProbeInterval;
    while (!Wait()) {
      if (reason_.ok()) {
        reason_ = LookAround(&probe);
        if (!reason_.ok())
          give_up = MonotonicNow() + (server_gone_ ? absl::ZeroDuration() : kStopGrace);
      }
      if (MonotonicNow() >= give_up) {
        stream_->TryCancel();
        return;
      }
    }
  }

  // True once there is nothing more to watch.
  bool Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    return changed_.wait_for(lock, absl::ToChronoNanoseconds(kTick), [this] { return done_; });
  }

  absl::Status LookAround(absl::Time* probe) {
    if (ShutdownSignal() != 0) {
      // A job that cannot be stopped any more has ended, which the stream is about to say.
      if (stop_on_signal_) (void)remote_.Stop(run_);
      server_gone_ = !stop_on_signal_;
      return absl::CancelledError("interrupted");
    }
    if (cluster_ != nullptr) RETURN_IF_ERROR(cluster_->Check());
    if (MonotonicNow() < *probe) return absl::OkStatus();
    const absl::Status alive = remote_.GetStatus().status();
    *probe = MonotonicNow() + kProbeInterval;
    server_gone_ = !alive.ok();
    return alive;
  }

  Remote& remote_;
  const std::string run_;
  LocalCluster* const cluster_;
  const bool stop_on_signal_;
  grpc::ClientContext* const stream_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;         // guarded by mutex_
  bool server_gone_ = false;  // nobody is left to tell us the end; the thread's own
  absl::Status reason_;       // the thread's own until it is joined
  std::thread thread_;        // last: it uses all of the above
};

void Record(const v1::RunEvent& event, JobOutcome* outcome) {
  if (event.has_failure()) outcome->status = FromFailure(event.failure());
  if (event.has_summary()) outcome->summary = event.summary();
  if (event.has_result()) outcome->result = event.result();
}

// What the user is told: the server knows who failed and why; what we saw ourselves stands in where
// it could not say, and a signal explains everything that followed it.
absl::Status FirstCause(const absl::Status& told, const absl::Status& seen,
                        const absl::Status& stream, bool has_ending) {
  if (absl::IsCancelled(seen)) return seen;
  if (!told.ok()) return told;
  if (has_ending) return absl::OkStatus();
  if (!seen.ok()) return seen;
  if (!stream.ok()) return Annotate(stream, "watch run");
  return absl::InternalError("watch run: the server ended the stream without a result");
}

// A stream that broke off: the reason may be a child of ours that is just ending.
absl::Status LookForDeadChild(LocalCluster* cluster) {
  const absl::Time deadline = MonotonicNow() + kDeadChildLimit;
  while (cluster != nullptr && MonotonicNow() < deadline) {
    RETURN_IF_ERROR(cluster->Check());
    absl::SleepFor(kTick);
  }
  return absl::OkStatus();
}

}  // namespace

JobOutcome WatchJob(Remote& remote, const std::string& run, LocalCluster* cluster,
                    bool stop_on_signal, const EventCallback& on_event) {
  JobOutcome outcome;
  outcome.run = run;
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_run(run);
  auto reader = remote.control()->Watch(&context, request);
  Monitor monitor(remote, run, cluster, stop_on_signal, &context);
  v1::RunEvent event;
  while (reader->Read(&event)) {
    Record(event, &outcome);
    on_event(event);
  }
  const absl::Status stream =
      Annotate(FromGrpc(reader->Finish()), absl::StrCat("edgetp_server at ", remote.address()));
  absl::Status seen = monitor.Finish();
  const bool has_ending = outcome.summary.has_value() || outcome.result.has_value();
  if (!has_ending && seen.ok() && outcome.status.ok()) seen = LookForDeadChild(cluster);
  outcome.status = FirstCause(outcome.status, seen, stream, has_ending);
  return outcome;
}

ExitCode ExitCodeOf(const JobOutcome& outcome) {
  if (outcome.status.ok()) return kExitDone;
  return absl::IsCancelled(outcome.status) && ShutdownSignal() != 0 ? kExitInterrupted
                                                                    : kExitRunFailed;
}

absl::StatusOr<JobOutcome> RunJob(Remote& remote, const v1::JobSpec& spec, LocalCluster* cluster,
                                  const EventCallback& on_event) {
  ASSIGN_OR_RETURN(const v1::SubmitResponse submitted, remote.Submit(spec));
  JobOutcome outcome =
      WatchJob(remote, submitted.run(), cluster, /*stop_on_signal=*/true, on_event);
  outcome.directory = submitted.directory();
  return outcome;
}

}  // namespace edgetp
