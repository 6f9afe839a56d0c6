#include "server/step_aggregator.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/network/attribution.h"
#include "common/simulate/energy.h"

namespace edgetp {
namespace {

// By what waits in its stream a rank can be ahead of another, and by the steps until they meet in
// an all-reduce.
constexpr int kMaxAhead = 1000;
constexpr size_t kMaxNetworkNameBytes = 1024;
// Seconds, or bytes: so much that sums of them stay finite, so little that only nonsense exceeds
// it.
constexpr double kMaxNumber = 1e15;

absl::Status CheckNumbers(const char* what, std::initializer_list<double> numbers) {
  for (const double number : numbers) {
    if (std::abs(number) <= kMaxNumber) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("report: ", what, ": a number is not finite or too large (got ", number, ")"));
  }
  return absl::OkStatus();
}

// Of what those ranks report that have a number of their own. Exact where all say the same.
struct RunningMean {
  double value = 0;
  int count = 0;
  void Add(double next) {
    ++count;
    if (next != value) value += (next - value) / count;
  }
};

}  // namespace

absl::Status CheckFinite(const v1::Breakdown& part) {
  for (const BreakdownTerm& term : kBreakdownTerms)
    RETURN_IF_ERROR(CheckNumbers("breakdown_seconds", {(part.*term.seconds)()}));
  return absl::OkStatus();
}

absl::Status CheckFinite(const v1::Fidelity& fidelity) {
  return CheckNumbers("fidelity",
                      {fidelity.messages(), fidelity.late_messages(), fidelity.late_seconds(),
                       fidelity.error_p99_us(), fidelity.error_max_us(), fidelity.overrun_seconds(),
                       fidelity.elapsed_seconds(), fidelity.clock_bound_us(),
                       fidelity.clock_seconds()});
}

void Accumulate(const v1::Breakdown& part, double scale, v1::Breakdown* into) {
  for (const BreakdownTerm& term : kBreakdownTerms)
    (into->*term.set_seconds)((into->*term.seconds)() + scale * (part.*term.seconds)());
}

double Total(const v1::TrafficBytes& bytes) {
  return bytes.activation_fwd() + bytes.activation_bwd() + bytes.grad_sync() + bytes.scalar() +
         bytes.control();
}

StepAggregator::StepAggregator(int world_size, int steps, double tokens_per_step, bool resumed,
                               StepCharger charge, int round,
                               std::optional<double> ideal_step_seconds)
    : steps_(steps),
      max_ahead_(kMaxAhead + round - 1),
      begin_is_open_(resumed),
      last_step_(world_size, 0),
      began_(world_size, false),
      charge_(std::move(charge)) {
  statistics_.tokens_per_step = tokens_per_step;
  statistics_.ideal_step_seconds = ideal_step_seconds;
}

absl::Status StepAggregator::Check(int rank, const v1::StepReport& report) const {
  if (report.step() < 0 || report.step() > steps_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "step report: no such step (rank=", rank, " step=", report.step(), " steps=", steps_, ")"));
  }
  if (report.network().size() > kMaxNetworkNameBytes)
    return absl::InvalidArgumentError(
        absl::StrCat("step report: the network's name is too long (rank=", rank, ")"));
  RETURN_IF_ERROR(CheckNumbers(
      "step_seconds", {report.step_seconds(), report.end_seconds(), report.hidden_seconds()}));
  RETURN_IF_ERROR(CheckNumbers("bytes", {Total(report.bytes())}));
  RETURN_IF_ERROR(CheckFinite(report.breakdown_seconds()));
  return CheckFinite(report.fidelity());
}

absl::StatusOr<std::optional<v1::StepRecord>> StepAggregator::Add(int rank,
                                                                  const v1::StepReport& report) {
  RETURN_IF_ERROR(Check(rank, report));
  if (report.step() == 0) {
    if (began_[rank])
      return absl::InternalError(absl::StrCat("step report of step 0 twice (rank=", rank, ")"));
    began_[rank] = true;
    if (report.has_val_loss()) SetValLoss(report);
    return Combine({report});
  }
  if (begin_is_open_) std::fill(last_step_.begin(), last_step_.end(), report.step() - 1);
  begin_is_open_ = false;
  if (report.step() != last_step_[rank] + 1) {
    return absl::InternalError(absl::StrCat("step report out of order (rank=", rank, " want=",
                                            last_step_[rank] + 1, " got=", report.step(), ")"));
  }
  const int slowest = *std::min_element(last_step_.begin(), last_step_.end());
  if (report.step() > slowest + max_ahead_) {
    return absl::InternalError(absl::StrCat("step report too far ahead (rank=", rank, " step=",
                                            report.step(), " slowest rank's step=", slowest, ")"));
  }
  last_step_[rank] = report.step();
  std::map<int, v1::StepReport>& by_rank = pending_[report.step()];
  by_rank[rank] = report;
  if (by_rank.size() < last_step_.size()) return std::optional<v1::StepRecord>();
  std::vector<v1::StepReport> reports;
  for (auto& [unused, each] : by_rank) reports.push_back(std::move(each));
  pending_.erase(report.step());
  v1::StepRecord record = Combine(reports);
  if (charge_ != nullptr) RETURN_IF_ERROR(charge_(reports, &record));
  if (record.step_seconds() > 0) {
    record.set_tokens_per_second(statistics_.tokens_per_step / record.step_seconds());
    if (statistics_.ideal_step_seconds.has_value())
      record.set_mfu(*statistics_.ideal_step_seconds / record.step_seconds());
  }
  Count(record, reports);
  return record;
}

std::optional<int> StepAggregator::LastStep(int rank) const {
  if (begin_is_open_) return std::nullopt;
  return last_step_[rank];
}

v1::StepRecord StepAggregator::Combine(const std::vector<v1::StepReport>& reports) const {
  v1::StepRecord record;
  RunningMean train_loss, gradient_norm;
  record.set_step(reports.front().step());
  for (const v1::StepReport& report : reports) {
    record.set_wall_seconds(
        std::max(record.wall_seconds(), begin_seconds_ + report.end_seconds()));
    // A rank's step begins where its last one ended. The mean adds up to the wall time over the
    // steps; the slowest rank's would count a late message twice: here, and where the other waited
    // for it.
    record.set_step_seconds(record.step_seconds() + report.step_seconds() / reports.size());
    Accumulate(report.breakdown_seconds(), 1.0 / reports.size(),
               record.mutable_breakdown_seconds());
    record.set_hidden_seconds(record.hidden_seconds() + report.hidden_seconds() / reports.size());
    if (report.has_train_loss()) train_loss.Add(report.train_loss());
    if (report.has_val_loss()) record.set_val_loss(report.val_loss());
    if (report.has_learning_rate()) record.set_learning_rate(report.learning_rate());
    if (report.has_gradient_norm()) gradient_norm.Add(report.gradient_norm());
    if (report.skipped()) record.set_skipped(true);  // local replicas decide for themselves
    if (record.network().empty()) record.set_network(report.network());
  }
  if (train_loss.count > 0) record.set_train_loss(train_loss.value);
  if (gradient_norm.count > 0) record.set_gradient_norm(gradient_norm.value);
  return record;
}

void StepAggregator::Count(const v1::StepRecord& record,
                           const std::vector<v1::StepReport>& reports) {
  StepStatistics& s = statistics_;
  s.step_seconds.push_back(record.step_seconds());
  Accumulate(record.breakdown_seconds(), 1.0, &s.breakdown_sum);
  s.hidden_sum += record.hidden_seconds();
  s.skipped += record.skipped() ? 1 : 0;
  for (const v1::StepReport& report : reports) {
    s.bytes_sum += Total(report.bytes()) / reports.size();
    if (report.has_val_loss()) SetValLoss(report);
  }
  s.wall_seconds = record.wall_seconds();
  s.last_step = record.step();
  if (record.has_train_loss()) s.train_loss = record.train_loss();
  if (s.networks.empty() || s.networks.back().network != record.network())
    s.networks.push_back({record.network(), 0});
  ++s.networks.back().steps;
  if (record.has_host_seconds()) s.host_seconds = record.host_seconds();
  if (record.has_energy()) AddStep(record.energy(), &s.energy_sum);
}

void StepAggregator::SetValLoss(const v1::StepReport& report) {
  statistics_.val_loss = report.val_loss();
  statistics_.val_windows = report.val_windows();
}

}  // namespace edgetp
