#include "server/dispatcher.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/base/job_id.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/defaults.h"
#include "common/config/units.h"
#include "common/config/validate.h"
#include "common/plan/pattern.h"
#include "common/rpc/status.h"
#include "common/simulate/energy.h"
#include "server/job_check.h"
#include "server/loop.h"
#include "server/served_corpus.h"
#include "server/summary.h"

namespace edgetp {
namespace {

// Workers join within milliseconds of their connection.
constexpr size_t kMaxStrangers = 1024;

v1::Phase::Name PhaseOf(const std::string& outcome) {
  return outcome == "done"     ? v1::Phase::NAME_DONE
         : outcome == "failed" ? v1::Phase::NAME_FAILED
                               : v1::Phase::NAME_STOPPED;
}

// How long a profile is to hold; absent: for good.
absl::StatusOr<std::optional<absl::Duration>> CheckSpan(const v1::SetNetworkRequest& request,
                                                        const ActiveJob* active) {
  std::optional<absl::Duration> span;
  if (!request.has_for_seconds()) return span;
  const double seconds = request.for_seconds();
  if (!(seconds > 0) || !std::isfinite(seconds)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "network: for_seconds: must be a finite number above 0 (got ", FormatPlain(seconds), ")"));
  }
  if (request.network().events_size() > 0) {
    return absl::InvalidArgumentError(
        "network: for_seconds: a profile with events has its own times");
  }
  if (active == nullptr) {
    return absl::FailedPreconditionError(
        "network: for_seconds: no run is active whose network could change for a while");
  }
  span = absl::Seconds(seconds);
  return span;
}

// A run remembers every profile that was in force, for its prediction.
absl::Status CheckKnownProfiles(const ActiveJob* active) {
  constexpr size_t kMaxBytes = 64 << 20;
  // Each is applied again whenever the network changes.
  constexpr size_t kMaxHeld = 1000;
  if (active == nullptr) return absl::OkStatus();
  if (active->network().held() >= kMaxHeld) {
    return absl::ResourceExhaustedError(
        absl::StrCat("network: too many changes hold for a while (limit=", kMaxHeld, ")"));
  }
  size_t bytes = 0;
  for (const auto& [name, profile] : active->network().profiles()) bytes += profile.ByteSizeLong();
  if (bytes <= kMaxBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("network: the run's profiles so far take ",
                                                   bytes, " bytes (limit=", kMaxBytes,
                                                   "): stop it first"));
}

// The events that end a run's stream.
std::vector<v1::RunEvent> FinalEvents(const EndedRun& ended, const v1::RunSummary& summary) {
  std::vector<v1::RunEvent> events(2);
  events[0].mutable_phase()->set_name(PhaseOf(ended.outcome));
  if (!ended.failure.ok()) {
    *events[1].mutable_failure() = ToFailure(ended.failure);
    events.emplace_back();
  }
  *events.back().mutable_summary() = summary;
  if (ended.spec.has_train() || ended.outcome != "done") return events;
  // Sampling has steps, and so a summary beside its result.
  if (ended.spec.has_sample()) events.emplace_back();
  for (const v1::JobResult& result : ended.results) {
    if (result.outcome_case() != v1::JobResult::OUTCOME_NOT_SET)
      *events.back().mutable_result() = result;
  }
  return events;
}

// Of a run whose attempts so far were those of an earlier server, or had ended.
RunHistory HistoryAfter(const RunPast& past) {
  return {.attempt = past.attempts + 1,
          .furthest_step = past.furthest_step,
          .wall_before = past.wall_seconds,
          .simulated_now = absl::UnixEpoch() + absl::Seconds(past.wall_seconds)};
}

CoordinatorOptions WithCheckpoints(CoordinatorOptions options, BlobStore* blobs) {
  options.newest_checkpoint = [blobs](const std::string& run, int before) {
    std::vector<std::string> passed_over;
    const auto newest = blobs->FindCheckpoint(run, before, &passed_over);
    for (const std::string& warning : passed_over) spdlog::warn("{}", warning);
    return newest.ok() ? newest->manifest.step : 0;
  };
  return options;
}

}  // namespace

Dispatcher::Dispatcher(CoordinatorOptions options, const std::string& runs, BlobStore* blobs,
                       ActiveRun* active_run, ServerMetrics* metrics, Predictor* predictor)
    : stranger_limit_(options.heartbeat_limit),
      coordinator_(WithCheckpoints(std::move(options), blobs)),
      networks_(runs),
      book_(runs),
      blobs_(blobs),
      active_run_(active_run),
      metrics_(metrics),
      predictor_(predictor) {}

void Dispatcher::ExpectJoin(const WorkerStream& stream) {
  strangers_.push_back({stream, MonotonicNow()});
  if (strangers_.size() <= kMaxStrangers) return;
  stream->Close(absl::ResourceExhaustedError(
      absl::StrCat("join: too many streams that have said nothing (limit=", kMaxStrangers, ")")));
}

void Dispatcher::DropStrangers(absl::Time now) {
  while (!strangers_.empty() && now - strangers_.front().since > stranger_limit_) {
    const WorkerStream stream = strangers_.front().stream.lock();
    strangers_.pop_front();
    if (stream == nullptr || stream->closed()) continue;
    const bool joined = std::any_of(streams_.begin(), streams_.end(),
                                    [&](const auto& known) { return known.second == stream; });
    if (joined) continue;
    stream->Close(absl::DeadlineExceededError(absl::StrFormat(
        "join: no first message within %.1f s", absl::ToDoubleSeconds(stranger_limit_))));
  }
}

absl::Status Dispatcher::CheckJoin(const v1::JoinRequest& request) const {
  return coordinator_.CheckJoin(request);
}

absl::StatusOr<std::string> Dispatcher::Join(const WorkerStream& stream,
                                             const v1::JoinRequest& request) {
  Outputs outputs;
  absl::StatusOr<std::string> id = coordinator_.Join(MonotonicNow(), request, &outputs);
  if (!id.ok()) {
    spdlog::warn("refused {}: {}", request.member().peer_address(),
                 std::string(id.status().message()));
    return id;
  }
  spdlog::info("{} joined: pid {} on {}, device {}, peer address {}", *id, request.process_id(),
               request.member().host(), request.device(), request.member().peer_address());
  streams_[*id] = stream;
  CarryOut(std::move(outputs));
  return id;
}

void Dispatcher::OnMessage(const std::string& worker, const v1::WorkerMessage& message) {
  Outputs outputs;
  coordinator_.OnMessage(MonotonicNow(), worker, message, &outputs);
  CarryOut(std::move(outputs));
}

void Dispatcher::OnClosed(const std::string& worker) {
  if (streams_.erase(worker) > 0) spdlog::info("{} is gone: stream closed", worker);
  Outputs outputs;
  coordinator_.OnStreamClosed(MonotonicNow(), worker, &outputs);
  CarryOut(std::move(outputs));
}

void Dispatcher::Tick() {
  Outputs outputs;
  coordinator_.Tick(MonotonicNow(), &outputs);
  metrics_->ForgetEndedRuns(MonotonicNow());
  DropStrangers(MonotonicNow());
  CarryOut(std::move(outputs));
}

absl::Status Dispatcher::Submit(const v1::JobSpec& spec, v1::SubmitResponse* response) {
  ASSIGN_OR_RETURN(v1::JobSpec job, CheckJob(spec, coordinator_.cluster_network(), blobs_));
  RETURN_IF_ERROR(coordinator_.CanSubmit());
  if (job.has_train()) {
    ASSIGN_OR_RETURN(const std::string network, networks_.NameFor(job.config().network()));
    job.mutable_config()->mutable_network()->set_name(network);
  }
  ASSIGN_OR_RETURN(const std::string run, book_.ChooseName(job, absl::Now()));
  job.mutable_config()->set_name(run);
  RunPast past;
  ASSIGN_OR_RETURN(const std::string directory, book_.Open(run, job, absl::Now(), &past));
  response->set_run(run);
  response->set_directory(directory);
  spdlog::info("run {}: submitted", run);
  Outputs outputs;
  RETURN_IF_ERROR(
      coordinator_.Submit(MonotonicNow(), run, job, &outputs, HistoryAfter(past)));
  CarryOut(std::move(outputs));
  return absl::OkStatus();
}

absl::Status Dispatcher::Stop(const std::string& run) {
  predictor_->Cut(run);
  Outputs outputs;
  RETURN_IF_ERROR(coordinator_.Stop(MonotonicNow(), run, &outputs));
  CarryOut(std::move(outputs));
  return absl::OkStatus();
}

absl::StatusOr<NetworkChange> Dispatcher::ResolveChange(const v1::SetNetworkRequest& request) {
  NetworkChange change{std::nullopt, request.patch()};
  if (!request.has_network()) return change;
  change.profile = request.network();
  FillDefaults(&*change.profile);
  const ActiveJob* const active = coordinator_.active();
  // Its steps name the network they ran under.
  if (active != nullptr && active->spec().has_train()) {
    ASSIGN_OR_RETURN(const std::string name, networks_.NameFor(*change.profile));
    change.profile->set_name(name);
  }
  return change;
}

absl::Status Dispatcher::CheckChange(const NetworkChange& change, bool for_good) const {
  // Without a job the number of ranks is not known; each job is checked with its own.
  if (for_good) {
    RETURN_IF_ERROR(
        ValidateNetwork(coordinator_.ChangedClusterNetwork(change), std::nullopt, "network"));
  }
  const ActiveJob* const active = coordinator_.active();
  if (active == nullptr) return absl::OkStatus();
  for (const v1::NetworkProfile& network : active->PreviewNetwork(MonotonicNow(), change)) {
    RETURN_IF_ERROR(ValidateNetwork(network, active->spec().config().workers(), "network"));
    RETURN_IF_ERROR(active->DeadlineOver(network).status());
  }
  return absl::OkStatus();
}

absl::Status Dispatcher::SetNetwork(const v1::SetNetworkRequest& request) {
  if (!request.has_network() && !request.has_patch())
    return absl::InvalidArgumentError("network: neither a profile nor changes are given");
  const ActiveJob* const active = coordinator_.active();
  ASSIGN_OR_RETURN(const std::optional<absl::Duration> span, CheckSpan(request, active));
  ASSIGN_OR_RETURN(const NetworkChange change, ResolveChange(request));
  RETURN_IF_ERROR(CheckChange(change, /*for_good=*/!span.has_value()));
  RETURN_IF_ERROR(CheckKnownProfiles(active));
  Outputs outputs;
  coordinator_.SetNetwork(MonotonicNow(), change, span, &outputs);
  if (active == nullptr) LogNetwork("no run is active", network().name());
  CarryOut(std::move(outputs));
  return absl::OkStatus();
}

v1::NetworkProfile Dispatcher::network() const { return coordinator_.network(MonotonicNow()); }

absl::Status Dispatcher::Watch(const std::string& run, RunBook::Watcher watcher) {
  return book_.Watch(run, std::move(watcher));
}

void Dispatcher::FillStatus(v1::StatusResponse* status) const {
  coordinator_.FillStatus(MonotonicNow(), status);
}

void Dispatcher::Shutdown(const absl::Status& reason) {
  Outputs outputs;
  coordinator_.Shutdown(MonotonicNow(), reason, &outputs);
  CarryOut(std::move(outputs));
}

void Dispatcher::CarryOut(Outputs outputs) {
  Outputs more;
  for (const auto& [run, event] : outputs.events) {
    if (event.has_step()) metrics_->Step(event.step());
    if (event.has_network()) LogNetwork("run " + run, event.network().name());
    const absl::Status written = book_.Record(run, event);
    if (!written.ok()) coordinator_.FailRun(MonotonicNow(), run, written, &more);
  }
  for (const LostAttempt& lost : outputs.lost) Lose(lost);
  for (const std::string& run : outputs.begun) Begin(run);
  for (const auto& [worker, message] : outputs.sends) {
    if (const auto stream = streams_.find(worker); stream != streams_.end())
      stream->second->Send(std::make_shared<const v1::ServerMessage>(message));
  }
  for (const auto& [worker, reason] : outputs.disconnects) {
    spdlog::warn("{} is disconnected: {}", worker, std::string(reason.message()));
    if (const auto stream = streams_.extract(worker)) stream.mapped()->Close(reason);
  }
  for (EndedRun& ended : outputs.ended) End(std::move(ended));
  UpdateGauges();
  if (!more.ended.empty() || !more.sends.empty()) CarryOut(std::move(more));
}

void Dispatcher::Lose(const LostAttempt& lost) {
  spdlog::warn("run {}: attempt {} has ended: {}", lost.run, lost.attempt, lost.reason);
  active_run_->End(JobOfAttempt(lost.run, lost.attempt));
  metrics_->LoseAttempt(lost.run);
}

void Dispatcher::Begin(const std::string& run) {
  if (coordinator_.active() == nullptr || coordinator_.active()->run() != run)
    return;  // it has failed meanwhile
  const v1::JobSpec& spec = coordinator_.active()->spec();
  const v1::RunConfig& config = spec.config();
  spdlog::info("run {}: {} workers, network {}", run, config.workers(), config.network().name());
  active_run_->Begin(coordinator_.active()->job());
  if (spec.has_corpus_files()) active_run_->SetCorpus(ServedCorpus::Open(spec.corpus_files()));
  blobs_->SetCheckpointTerms(run, {config.train().keep_checkpoints(), spec.corpus_blob()});
  const absl::StatusOr<Pattern> pattern = Pattern::Parse(config.pattern(), 0);
  metrics_->BeginRun(
      RunLabels{.run = run,
                .model = config.model().name(),
                .pattern = pattern.ok() ? pattern->Expanded() : config.pattern(),
                .network = config.network().name(),
                .workers = config.workers(),
                .attempt = coordinator_.active()->attempt(),
                .clock = config.clock() == v1::CLOCK_SIMULATED ? "simulated" : "emulated",
                .target_steps = spec.has_train() ? config.train().steps() : 0,
                .sync_points = pattern.ok() ? pattern->ForwardSyncPoints() : 0,
                .knows_energy = KnowsEnergy(DevicesOf(config))});
}

void Dispatcher::LogNetwork(const std::string& whose, const std::string& profile) {
  spdlog::info("{}: network is now {} (version {})", whose, profile,
               coordinator_.network_version());
}

void Dispatcher::End(EndedRun ended) {
  active_run_->End(JobOfAttempt(ended.run, ended.attempts));
  metrics_->EndRun(ended.run, ended.outcome, MonotonicNow());
  if (Predictor::Wants(ended)) return predictor_->Post(std::move(ended));
  Conclude(std::move(ended), Prediction());
}

void Dispatcher::Conclude(EndedRun ended, const Prediction& prediction) {
  v1::RunSummary summary = Summarize(ended, prediction);
  if (const absl::Status written = book_.WriteSummary(ended.run, summary);
      !written.ok() && ended.outcome == "done") {
    ended.outcome = "failed";
    ended.failure = written;
    summary.set_status(ended.outcome);
    summary.set_error(std::string(written.message()));
  }
  // These three kinds of events go to memory only; they cannot fail.
  for (const v1::RunEvent& event : FinalEvents(ended, summary))
    (void)book_.Record(ended.run, event);
  book_.Close(ended.run);
  if (ended.outcome == "failed") {
    spdlog::error("run {}: failed: {}", ended.run, std::string(ended.failure.message()));
  } else {
    spdlog::info("run {}: {}", ended.run, ended.outcome);
  }
}

void Dispatcher::UpdateGauges() {
  int idle = 0;
  int busy = 0;
  int missed = 0;
  for (const Worker& worker : coordinator_.workers()) {
    idle += worker.idle() ? 1 : 0;
    busy += !worker.gone && !worker.idle() ? 1 : 0;
    missed += worker.missed ? 1 : 0;
  }
  metrics_->SetWorkers(idle, busy, missed, coordinator_.lost_workers());
  metrics_->SetQueuedRuns(coordinator_.queued());
  metrics_->SetNetwork(network().name(), static_cast<double>(coordinator_.network_version()));
}

}  // namespace edgetp
