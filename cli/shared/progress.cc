#include "cli/shared/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/format.h"
#include "cli/shared/terminal.h"
#include "common/base/clock.h"
#include "common/config/units.h"

namespace edgetp {
namespace {

constexpr absl::Duration kRedrawInterval = absl::Milliseconds(100);
constexpr absl::Duration kLogInterval = absl::Seconds(5);
// Of activities, which often take less: then a line of their own would say nothing.
constexpr absl::Duration kActivityLogInterval = absl::Seconds(10);

void AppendEta(const Remaining& remaining, std::string* line) {
  if (remaining.run.has_value()) absl::StrAppend(line, "  ETA ", FormatSeconds(*remaining.run));
  if (remaining.sweep.has_value())
    absl::StrAppend(line, remaining.run.has_value() ? ", " : "  ETA ", remaining.command, " ",
                    FormatSeconds(*remaining.sweep));
  if (remaining.sweep_share.has_value())
    absl::StrAppend(line, absl::StrFormat(" (%.0f %% done)", 100 * *remaining.sweep_share));
}

std::string AmountOf(double amount, const std::string& unit) {
  return unit == "bytes" ? FormatBytes(amount) : absl::StrCat(std::llround(amount));
}

}  // namespace

std::string ProgressLine(const v1::StepRecord& record, int steps, const Remaining& remaining) {
  std::string line = absl::StrCat("step ", record.step(), "/", steps);
  if (record.has_train_loss()) absl::StrAppend(&line, "  loss ", FormatLoss(record.train_loss()));
  if (record.has_val_loss()) absl::StrAppend(&line, "  val ", FormatLoss(record.val_loss()));
  if (record.gradient_norm() > 0)
    absl::StrAppend(&line, "  norm ", FormatNumber(record.gradient_norm()));
  if (record.skipped()) absl::StrAppend(&line, " (skipped)");
  if (record.step_seconds() > 0)
    absl::StrAppend(&line, "  ", FormatSeconds(record.step_seconds()), "/step",
                    record.has_host_seconds() ? " (simulated)" : "");
  if (record.tokens_per_second() > 0) {
    absl::StrAppend(&line, "  ", FormatCount(record.tokens_per_second()), " tokens/s");
  }
  if (record.has_mfu()) absl::StrAppend(&line, "  MFU ", FormatPercent(record.mfu()));
  AppendEta(remaining, &line);
  if (!record.network().empty()) absl::StrAppend(&line, "  ", record.network());
  return line;
}

std::string ActivityLine(const v1::JobProgress& progress, std::optional<double> left_seconds,
                         const Remaining& remaining) {
  std::string line = progress.activity();
  if (progress.total() > 0) {
    absl::StrAppend(&line, "  ", AmountOf(progress.done(), progress.unit()), " of ",
                    AmountOf(progress.total(), progress.unit()),
                    progress.unit() == "bytes" ? "" : " " + progress.unit());
  }
  if (left_seconds.has_value() && *left_seconds > 0)
    absl::StrAppend(&line, "  ", FormatSeconds(*left_seconds), " left");
  AppendEta(remaining, &line);
  return line;
}

std::optional<double> ActivityPace::SecondsLeft(absl::Time now, const v1::JobProgress& progress) {
  if (progress.activity() != activity_ || progress.done() < last_done_) {
    activity_ = progress.activity();
    first_done_ = progress.done();
    begin_ = now;
  }
  last_done_ = progress.done();
  const double moved = progress.done() - first_done_;
  if (progress.total() <= 0 || moved <= 0) return std::nullopt;
  const double left = std::max(0.0, progress.total() - progress.done());
  return absl::ToDoubleSeconds(now - begin_) / moved * left;
}

Progress::Progress(std::string label, const v1::RunConfig& config, const SweepEta* sweep)
    : label_(std::move(label)),
      steps_(config.train().steps()),
      eta_(config.train(), Calendar(config).round()),
      sweep_(sweep),
      terminal_(isatty(STDERR_FILENO)),
      begin_(MonotonicNow()),
      next_(absl::InfinitePast()),
      next_activity_(begin_ + (terminal_ ? absl::ZeroDuration() : kActivityLogInterval)) {}

Progress::~Progress() {
  if (line_open_) fputc('\n', stderr);
}

void Progress::Show(const v1::RunEvent& event) {
  if (event.has_step()) {
    ShowStep(event.step());
  } else if (event.has_progress()) {
    ShowActivity(event.progress());
  } else if (event.has_phase() && !event.phase().detail().empty()) {
    Print(event.phase().detail());
  } else if (event.has_network()) {
    Print(absl::StrCat("network is now ", event.network().name()));
  }
}

void Progress::ShowStep(const v1::StepRecord& record) {
  const bool keeps_val_loss = last_.has_val_loss() && !record.has_val_loss();
  const double val_loss = last_.val_loss();
  last_ = record;
  eta_.Add(record);
  if (keeps_val_loss) last_.set_val_loss(val_loss);
  const absl::Time now = MonotonicNow();
  if (now < next_ && record.step() != steps_) return;
  next_ = now + (terminal_ ? kRedrawInterval : kLogInterval);
  const std::string line = ProgressLine(last_, steps_, WhatIsLeft(now, std::nullopt));
  terminal_ ? Redraw(line) : Print(line);
}

void Progress::ShowActivity(const v1::JobProgress& progress) {
  if (progress.activity().empty()) return;
  const absl::Time now = MonotonicNow();
  // What has no amount is an event (a dial that failed, what is waited for): told once, at once.
  if (progress.total() <= 0) {
    if (std::exchange(note_, progress.activity()) != progress.activity())
      Print(progress.activity());
    return;
  }
  const std::optional<double> left = pace_.SecondsLeft(now, progress);
  if (now < next_activity_) return;
  const std::string line = ActivityLine(progress, left, WhatIsLeft(now, left));
  terminal_ ? Redraw(line) : Print(line);
  next_activity_ = now + (terminal_ ? kRedrawInterval : kActivityLogInterval);
}

// An activity that alone takes longer than what is left by the steps so far is the longer of both.
Remaining Progress::WhatIsLeft(absl::Time now, std::optional<double> activity) const {
  Remaining remaining{eta_.Seconds(), std::nullopt};
  if (sweep_ != nullptr) remaining.command = sweep_->name();
  const std::optional<double> left = std::max(remaining.run, activity);  // nothing is the least
  if (remaining.run.has_value()) remaining.run = left;
  if (sweep_ == nullptr || !left.has_value()) return remaining;
  const double passed = absl::ToDoubleSeconds(now - begin_);
  remaining.sweep = sweep_->Seconds(passed, *left);
  remaining.sweep_share = sweep_->Share(passed, *left);
  return remaining;
}

void Progress::Redraw(const std::string& text) {
  // A wrapped line could not be erased.
  const auto width = static_cast<size_t>(TerminalWidth(STDERR_FILENO) - 1);
  const std::string line = (label_ + text).substr(0, width);
  absl::FPrintF(stderr, "\r\033[K%s", line);
  fflush(stderr);
  line_open_ = true;
}

void Progress::Print(const std::string& text) {
  absl::FPrintF(stderr, "%s%s%s\n", line_open_ ? "\n" : "", label_, text);
  line_open_ = false;
  if (!terminal_) next_activity_ = MonotonicNow() + kActivityLogInterval;
}

}  // namespace edgetp
