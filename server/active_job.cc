#include "server/active_job.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/job_id.h"
#include "common/base/status_macros.h"
#include "common/config/calendar.h"
#include "common/config/convert.h"
#include "common/config/network_patch.h"
#include "common/rpc/status.h"
#include "common/simulate/deadline.h"
#include "server/ideal_step.h"
#include "server/measured_energy.h"
#include "server/recovery.h"

namespace edgetp {
namespace {

double TokensPerStep(const v1::JobSpec& spec) {
  if (spec.has_sample()) return std::max(1, spec.sample().prompts_size());
  return SequencesPerStep(spec.config()) * spec.config().model().sequence();
}

std::vector<double> FlopsOf(const std::vector<Worker*>& workers) {
  std::vector<double> flops;
  for (const Worker* worker : workers) flops.push_back(worker->join.flops_per_second());
  return flops;
}

// It goes to every worker, watcher and file: the first pages of it say enough.
absl::Status Shortened(const absl::Status& status) {
  constexpr size_t kMaxMessageBytes = 8192;
  if (status.message().size() <= kMaxMessageBytes) return status;
  return absl::Status(status.code(),
                      absl::StrCat(status.message().substr(0, kMaxMessageBytes), " ..."));
}

// 0: none. Slower than a byte a second, and spans of time would leave their range.
bool IsRate(double per_second) {
  return per_second == 0 || (per_second >= 1 && std::isfinite(per_second));
}

// Numbers that the prediction adds up as durations.
absl::Status CheckResult(const v1::JobResult& result) {
  constexpr double kMaxSeconds = 1e9;
  const auto is_span = [](double seconds) { return seconds >= 0 && seconds <= kMaxSeconds; };
  const bool good =
      std::all_of(result.compute_seconds().begin(), result.compute_seconds().end(), is_span) &&
      is_span(result.message_overhead_us() * 1e-6) && IsRate(result.staging_bytes_per_second());
  if (!good)
    return absl::InvalidArgumentError("job result: invalid duration or rate; must be >= 0");
  return CheckFinite(result.fidelity());
}

}  // namespace

int StepsOf(const v1::JobSpec& spec) {
  if (spec.has_sample()) return std::max(0, spec.sample().tokens() - 1);
  return spec.has_train() ? spec.config().train().steps() : 0;
}

ActiveJob::ActiveJob(Options options, const std::vector<Worker*>& workers)
    : options_(std::move(options)),
      history_(std::move(options_.history)),
      job_(JobOfAttempt(options_.run, history_.attempt)),
      ready_(workers.size(), false),
      results_(workers.size()),
      failed_(workers.size(), false),
      heard_(options_.begin),
      complained_(options_.begin),
      network_(options_.spec.config().network()),
      announced_network_(network_.current().name()),
      clock_(options_.spec.config().clock() == v1::CLOCK_SIMULATED
                 ? std::make_unique<SimulatedClock>(&options_.spec.config(),
                                                    history_.simulated_now)
                 : nullptr),
      aggregator_(static_cast<int>(workers.size()), StepsOf(options_.spec),
                  TokensPerStep(options_.spec), options_.spec.train().resume() || history_.first_step > 0, Charger(),
                  Calendar(options_.spec.config()).round(),
                  IdealStepSeconds(options_.spec.config(), FlopsOf(workers))),
      deadline_(absl::Seconds(options_.spec.config().collective().deadline_seconds())) {
  for (const Worker* worker : workers) {
    workers_.push_back(worker->id);
    members_.push_back(worker->join.member());
    process_ids_.push_back(worker->join.process_id());
  }
  if (!history_.loss.empty()) aggregator_.GoOnFrom(std::move(history_.statistics));
  // Workers are told of it, where it is not what the job began with.
  if (history_.network.has_value()) network_ = *std::move(history_.network);
}

v1::Assign ActiveJob::Assignment(int rank, absl::Duration ready_limit) const {
  v1::Assign assign;
  assign.set_job(job_);
  *assign.mutable_spec() = options_.spec;
  if (history_.first_step > 0) {
    assign.mutable_spec()->mutable_train()->set_resume(true);
    assign.mutable_spec()->set_weights_blob(
        absl::StrCat("checkpoint:", options_.run, "/", history_.first_step));
  }
  assign.set_rank(rank);
  for (const v1::Member& member : members_) *assign.add_members() = member;
  assign.set_ready_deadline_seconds(absl::ToDoubleSeconds(ready_limit));
  return assign;
}

absl::StatusOr<absl::Duration> ActiveJob::DeadlineOver(const v1::NetworkProfile& network) const {
  if (!options_.spec.has_train()) return deadline_;
  const std::string key = network.SerializeAsString();
  if (const auto priced = priced_deadlines_.find(key); priced != priced_deadlines_.end())
    return priced->second;
  // Pricing holds up the server's loop, so the run's own network is priced once.
  if (!chosen_config_.has_value()) {
    chosen_config_ = options_.spec.config();
    ForgetDefaultDeadline(&*chosen_config_);
  }
  v1::RunConfig config = *chosen_config_;
  *config.mutable_network() = network;
  ASSIGN_OR_RETURN(const CollectiveNeeds needs, NeedsOfStep(config));
  RETURN_IF_ERROR(Annotate(ResolveDeadline(needs, &config), "network"));
  return priced_deadlines_[key] = absl::Seconds(config.collective().deadline_seconds());
}

void ActiveJob::SetNetwork(absl::Time now, const NetworkChange& change,
                           std::optional<absl::Duration> span) {
  for (const v1::NetworkProfile& network : PreviewNetwork(now, change))
    deadline_ = std::max(deadline_, DeadlineOver(network).value_or(deadline_));
  if (span.has_value()) return network_.Hold(NetworkTime(now), change, *span);
  if (!change.profile.has_value()) return network_.Change(NetworkTime(now), change.patch);
  v1::NetworkProfile network = *change.profile;
  ApplyPatch(change.patch, &network);
  network_.Replace(NetworkTime(now), network);
}

bool ActiveJob::AdvanceNetwork(absl::Time now) {
  network_.Advance(NetworkTime(now));
  const std::string& name = network_.current().name();
  return std::exchange(announced_network_, name) != name;
}

StepCharger ActiveJob::Charger() {
  if (clock_ == nullptr) return MeasuredEnergy(DevicesOf(options_.spec.config()));
  return [this](const std::vector<v1::StepReport>& reports, v1::StepRecord* record) {
    return clock_->Charge(reports, &network_, record);
  };
}

bool ActiveJob::Ready(absl::Time now, int rank) {
  ready_[rank] = true;
  const bool all = std::find(ready_.begin(), ready_.end(), false) == ready_.end();
  if (phase_ != Phase::kPreparing || !all) return false;
  phase_ = Phase::kRunning;
  running_since_ = now;
  if (!history_.begin.has_value())
    history_.begin = now - absl::Seconds(history_.wall_before);
  aggregator_.SetBegin(absl::ToDoubleSeconds(now - *history_.begin));
  if (!network_.begun()) network_.Begin(NetworkTime(now));
  return true;
}

std::optional<v1::StepRecord> ActiveJob::Step(absl::Time now, int rank,
                                              const v1::StepReport& report) {
  absl::StatusOr<std::optional<v1::StepRecord>> record = aggregator_.Add(rank, report);
  if (!record.ok()) {
    End("failed", Annotate(record.status(), Describe(rank)));
    return std::nullopt;
  }
  if (!record->has_value()) return std::nullopt;
  (*record)->set_attempt(history_.attempt);
  const int step = (*record)->step();
  if (step == 0) return *record;
  if (step_ends_.empty()) first_record_ = step;
  step_ends_.push_back(now);
  if (step <= history_.furthest_step) ++steps_repeated_;
  return *record;
}

std::optional<v1::ServerMessage> ActiveJob::ClockAfter(const v1::StepRecord& record) const {
  if (clock_ == nullptr || !options_.spec.config().train().has_max_seconds()) return std::nullopt;
  v1::ServerMessage message;
  v1::RunClock* const clock = message.mutable_clock();
  clock->set_job(job_);
  clock->set_step(record.step());
  clock->set_seconds(record.wall_seconds());
  clock->set_step_seconds(record.step_seconds());
  return message;
}

void ActiveJob::Result(int rank, const v1::JobResult& result) {
  if (const absl::Status status = CheckResult(result); !status.ok())
    return End("failed", Annotate(status, Describe(rank)));
  results_[rank] = result;
  for (const std::optional<v1::JobResult>& each : results_) {
    if (!each.has_value()) return;
  }
  End("done", absl::OkStatus());
}

void ActiveJob::Fail(absl::Time now, int rank, const v1::JobFailure& failure) {
  if (failed_[rank] && failure.secondary()) return;  // it has said so: it says nothing new
  failed_[rank] = true;
  const absl::Status status = Annotate(Shortened(FromFailure(failure.failure())), Describe(rank));
  if (!failure.secondary()) return End("failed", status);
  if (echoes_.empty()) give_up_ = now + options_.blame_wait;
  echoes_.push_back(Echo{rank, failure.culprit(), status});
  const bool all_failed = std::find(failed_.begin(), failed_.end(), false) == failed_.end();
  if (all_failed || IsBlamedInReturn(echoes_.back())) EndByLoss(BestEcho());
}

bool ActiveJob::IsBlamedInReturn(const Echo& echo) const {
  return std::any_of(echoes_.begin(), echoes_.end(), [&echo](const Echo& other) {
    return other.rank != echo.rank && other.rank == echo.culprit && other.culprit == echo.rank;
  });
}

absl::Status ActiveJob::BestEcho() const {
  // Two that blame one another are the ends of what broke; a third one saw only what came of it.
  // Whoever waited in vain knows for what; a connection is lost because its other end has failed.
  const auto worth = [this](const Echo& echo) {
    return std::pair(IsBlamedInReturn(echo), absl::IsDeadlineExceeded(echo.status));
  };
  return std::max_element(echoes_.begin(), echoes_.end(),
                          [&](const Echo& a, const Echo& b) { return worth(a) < worth(b); })
      ->status;
}

void ActiveJob::Lose(int rank, const std::string& reason) {
  // A worker that leaves after it has failed or delivered is not what went wrong.
  if (results_[rank].has_value() || (failed_[rank] && !GoesOnAfterLoss(options_.spec))) return;
  if (phase_ != Phase::kEnded) lost_rank_ = rank;
  EndByLoss(absl::UnavailableError(absl::StrCat(Describe(rank), ": lost: ", reason)));
}

void ActiveJob::Stop(const absl::Status& reason) { End("stopped", reason); }

void ActiveJob::FailFromOutside(const absl::Status& reason) { End("failed", reason); }

void ActiveJob::Tick(absl::Time now) {
  if (!echoes_.empty() && now >= give_up_) return EndByLoss(BestEcho());
  if (phase_ != Phase::kPreparing || now < options_.ready_deadline) return;
  // Who waits in vain for a peer says so somewhat before.
  if (!echoes_.empty()) return EndByLoss(BestEcho());
  const int rank =
      static_cast<int>(std::find(ready_.begin(), ready_.end(), false) - ready_.begin());
  End("failed",
      absl::DeadlineExceededError(absl::StrCat(Describe(rank), ": not ready before the deadline")));
}

std::pair<std::vector<int>, std::string> ActiveJob::Missing() const {
  std::vector<int> ranks;
  const int world_size = static_cast<int>(workers_.size());
  if (phase_ == Phase::kPreparing) {
    for (int rank = 0; rank < world_size; ++rank) {
      if (!ready_[rank]) ranks.push_back(rank);
    }
    return {ranks, "to get ready"};
  }
  int slowest = INT_MAX;
  for (int rank = 0; rank < world_size; ++rank)
    slowest = std::min(slowest, aggregator_.LastStep(rank).value_or(0));
  const bool trains = options_.spec.has_train() && slowest < options_.spec.config().train().steps();
  for (int rank = 0; rank < world_size; ++rank) {
    const bool behind = aggregator_.LastStep(rank).value_or(0) == slowest;
    if (trains ? behind : !results_[rank].has_value()) ranks.push_back(rank);
  }
  return {ranks, trains ? absl::StrCat("to end step ", slowest + 1) : "to send its result"};
}

std::string ActiveJob::Waiting(absl::Time now) {
  constexpr size_t kNamed = 4;
  const absl::Time since = std::max(heard_, complained_);
  if (phase_ == Phase::kEnded || now - since < kSilence) return "";
  complained_ = now;
  const auto [ranks, what] = Missing();
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(ranks.size(), kNamed); ++i) names.push_back(Describe(ranks[i]));
  if (ranks.size() > kNamed) names.push_back(absl::StrCat(ranks.size() - kNamed, " more"));
  return absl::StrCat("waiting for ", absl::StrJoin(names, ", "), " ", what, " (nothing new for ",
                      absl::ToInt64Seconds(now - heard_), " s)");
}

EndedRun ActiveJob::Ended() const {
  EndedRun ended{.run = options_.run,
                 .spec = options_.spec,
                 .outcome = outcome_,
                 .failure = failure_,
                 .results = {},
                 .statistics = aggregator_.statistics(),
                 .networks = network_.profiles(),
                 .attempts = history_.attempt,
                 .steps_repeated = history_.steps_repeated + steps_repeated_,
                 .seconds_lost = SecondsLost()};
  for (const std::optional<v1::JobResult>& result : results_)
    ended.results.push_back(result.value_or(v1::JobResult()));
  return ended;
}

double ActiveJob::SecondsLost() const {
  if (!running_since_.has_value() || !history_.counts_until.has_value())
    return history_.seconds_lost;
  return history_.seconds_lost + absl::ToDoubleSeconds(*running_since_ - *history_.counts_until);
}

std::optional<absl::Time> ActiveJob::CountsUntil(int checkpoint) const {
  const int recorded = checkpoint - first_record_;
  if (recorded >= 0 && recorded < static_cast<int>(step_ends_.size()))
    return step_ends_[recorded];
  // Nothing of this attempt counts: it was lost as a whole.
  return running_since_.has_value() ? running_since_ : history_.counts_until;
}

RunHistory ActiveJob::GiveHistory(int checkpoint) {
  RunHistory history{.attempt = history_.attempt + 1,
                     .first_step = checkpoint,
                     .furthest_step = std::max(history_.furthest_step,
                                               aggregator_.statistics().last_step),
                     .restarts = RestartsWith(checkpoint),
                     .steps_repeated = history_.steps_repeated + steps_repeated_,
                     .seconds_lost = SecondsLost(),
                     .loss = std::string(failure_.message()),
                     .wall_before = history_.wall_before,
                     .begin = history_.begin,
                     .counts_until = CountsUntil(checkpoint),
                     .statistics = aggregator_.statistics(),
                     .network = std::move(network_),
                     .simulated_now = history_.simulated_now};
  if (clock_ != nullptr) history.simulated_now = clock_->now();
  return history;
}

void ActiveJob::EndByLoss(const absl::Status& failure) {
  if (phase_ != Phase::kEnded) lost_ = true;
  End("failed", failure);
}

void ActiveJob::End(const std::string& outcome, const absl::Status& failure) {
  if (phase_ == Phase::kEnded) return;  // the first error wins
  phase_ = Phase::kEnded;
  outcome_ = outcome;
  failure_ = failure;
}

std::string ActiveJob::Describe(int rank) const {
  return absl::StrCat("rank ", rank, " (", workers_[rank], ", pid ", process_ids_[rank], ")");
}

}  // namespace edgetp
