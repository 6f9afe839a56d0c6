#include "cli/shared/eta.h"

#include <algorithm>
#include <numeric>

namespace edgetp {
namespace {

// On the workers' clock: under a simulated one, the host's.
double EndOf(const v1::StepRecord& record) {
  return record.has_host_seconds() ? record.host_seconds() : record.wall_seconds();
}

}  // namespace

void RunEta::Mean::Add(double seconds) {
  sum += std::max(0.0, seconds);
  ++count;
}

void RunEta::Add(const v1::StepRecord& record) {
  const bool next = last_.has_value() && record.step() == last_->step() + 1;
  if (next) {
    double seconds = EndOf(record) - EndOf(*last_);
    const bool evaluated = last_->has_val_loss();
    const bool saved = Saves(last_->step());
    if (!evaluated && !saved) step_.Add(seconds);
    seconds -= step_.count > 0 ? step_.value() : record.step_seconds();
    if (evaluated && !saved) evaluation_.Add(seconds);
    if (saved) checkpoint_.Add(seconds - (evaluated ? evaluation_.value() : 0));
  }
  last_ = record;
}

bool RunEta::Saves(int step) const { return calendar_.Due(step, train_.checkpoint_interval()); }

int RunEta::EvaluationsAfter(int step) const {
  return calendar_.CountDue(step + 1, train_.eval_interval());
}

int RunEta::CheckpointsFrom(int step) const {
  return calendar_.CountDue(step, train_.checkpoint_interval());
}

// max_seconds are of the run's clock, which the record's times are.
double RunEta::ShareBeforeLimit() const {
  if (!train_.has_max_seconds() || last_->step_seconds() <= 0) return 1;
  const double left = std::max(0.0, train_.max_seconds() - last_->wall_seconds());
  return std::min(1.0, left / last_->step_seconds() / (train_.steps() - last_->step()));
}

std::optional<double> RunEta::Seconds() const {
  if (!last_.has_value() || last_->step() >= train_.steps()) return std::nullopt;
  const bool measured = step_.count + evaluation_.count + checkpoint_.count > 0;
  if (!measured) return std::nullopt;
  const double step = step_.count > 0 ? step_.value() : last_->step_seconds();
  const double all = step * (train_.steps() - last_->step()) +
                     evaluation_.value() * EvaluationsAfter(last_->step()) +
                     checkpoint_.value() * CheckpointsFrom(last_->step());
  return all * ShareBeforeLimit();
}

SweepEta::SweepEta(std::vector<double> waits)
    : left_(static_cast<double>(waits.size()) - 1), waits_(std::move(waits)) {}

void SweepEta::CellBegins(double amount, double left) {
  amount_ = amount;
  left_ = left;
}

void SweepEta::CellEnded(double seconds) {
  ended_ += amount_;
  ended_seconds_ += seconds;
  left_ = std::max(0.0, left_ - amount_);
  ++job_;
}

double SweepEta::Seconds(double passed, double left) const {
  const auto next = waits_.begin() + static_cast<ptrdiff_t>(std::min(job_ + 1, waits_.size()));
  const double waited = std::accumulate(waits_.begin(), next, 0.0);
  const double to_wait = std::accumulate(next, waits_.end(), 0.0);
  // What is not waiting is alike.
  const double work = std::max(0.0, ended_seconds_ + passed + left - waited);
  return left + to_wait + work / (ended_ + amount_) * left_;
}

double SweepEta::Share(double passed, double left) const {
  const double done = ended_seconds_ + passed;
  const double all = done + Seconds(passed, left);
  return all > 0 ? done / all : 0;
}

}  // namespace edgetp
