#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/format.h"
#include "common/base/clock.h"
#include "common/config/units.h"

namespace edgetp {
namespace {

constexpr absl::Duration kRedrawInterval = absl::Milliseconds(100);
constexpr absl::Duration kLogInterval = absl::Seconds(5);

// Of the terminal, so that a redrawn line never wraps (a wrapped one cannot be erased).
size_t TerminalWidth() {
  winsize size = {};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

}  // namespace

std::string ProgressLine(const v1::StepRecord& record, int steps) {
  std::string line = absl::StrCat("step ", record.step(), "/", steps);
  if (record.has_train_loss()) absl::StrAppend(&line, "  loss ", FormatLoss(record.train_loss()));
  if (record.has_val_loss()) absl::StrAppend(&line, "  val ", FormatLoss(record.val_loss()));
  if (record.step_seconds() > 0)
    absl::StrAppend(&line, "  ", FormatSeconds(record.step_seconds()), "/step",
                    record.has_host_seconds() ? " (simulated)" : "");
  if (record.tokens_per_second() > 0) {
    absl::StrAppend(&line, "  ", FormatCount(record.tokens_per_second()), " tokens/s");
  }
  if (record.step() > 0 && record.step() < steps) {
    const double passed = record.has_host_seconds() ? record.host_seconds() : record.wall_seconds();
    const double remaining = passed / record.step() * (steps - record.step());
    absl::StrAppend(&line, "  ETA ", FormatSeconds(remaining));
  }
  if (!record.network().empty()) absl::StrAppend(&line, "  ", record.network());
  return line;
}

std::string ActivityLine(const v1::JobProgress& progress) {
  if (progress.total() <= 0) return progress.activity();
  const bool bytes = progress.unit() == "bytes";
  const auto amount = [bytes](double number) {
    return bytes ? FormatBytes(number) : absl::StrFormat("%.0f", number);
  };
  return absl::StrCat(progress.activity(), ": ", amount(progress.done()), " of ",
                      amount(progress.total()), bytes || progress.unit().empty() ? "" : " ",
                      bytes ? "" : progress.unit());
}

Progress::Progress(std::string label, int steps)
    : label_(std::move(label)),
      steps_(steps),
      terminal_(isatty(STDERR_FILENO)),
      next_(absl::InfinitePast()) {}

Progress::~Progress() {
  if (line_open_) fputc('\n', stderr);
}

void Progress::Show(const v1::RunEvent& event) {
  if (event.has_step()) {
    ShowStep(event.step());
  } else if (event.has_phase() && !event.phase().detail().empty()) {
    Print(event.phase().detail());
  } else if (event.has_network()) {
    Print(absl::StrCat("network is now ", event.network().name()));
  } else if (event.has_progress() && !event.progress().activity().empty()) {
    Print(ActivityLine(event.progress()));
  }
}

void Progress::ShowStep(const v1::StepRecord& record) {
  const bool keeps_val_loss = last_.has_val_loss() && !record.has_val_loss();
  const double val_loss = last_.val_loss();
  last_ = record;
  if (keeps_val_loss) last_.set_val_loss(val_loss);
  const absl::Time now = MonotonicNow();
  if (now < next_ && record.step() != steps_) return;
  next_ = now + (terminal_ ? kRedrawInterval : kLogInterval);
  const std::string line = ProgressLine(last_, steps_);
  terminal_ ? Redraw(line) : Print(line);
}

void Progress::Redraw(const std::string& text) {
  const std::string line = (label_ + text).substr(0, TerminalWidth() - 1);
  absl::FPrintF(stderr, "\r\033[K%s", line);
  fflush(stderr);
  line_open_ = true;
}

void Progress::Print(const std::string& text) {
  absl::FPrintF(stderr, "%s%s%s\n", line_open_ ? "\n" : "", label_, text);
  line_open_ = false;
}

}  // namespace edgetp
