// One live line on stderr while a job runs: redrawn on a terminal, else a new line every few
// seconds. Not thread-safe.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "cli/shared/eta.h"
#include "edgetp/v1/control.pb.h"

namespace edgetp {

// What is left, in seconds, as far as it is known.
struct Remaining {
  std::optional<double> run;
  std::optional<double> sweep;        // all jobs of the command, this one included
  std::optional<double> sweep_share;  // how much of them is done
  const char* command = "sweep";
};

// "step 120/2000  loss 2.4512  val 2.5130  98.2 ms/step  7.82K tokens/s  ETA 3m05s  wifi-5". Pure.
std::string ProgressLine(const v1::StepRecord& record, int steps, const Remaining& remaining);

// "evaluating  120 of 1742 windows  8.5 s left  ETA 3m05s". `left_seconds`: of the activity. Pure.
std::string ActivityLine(const v1::JobProgress& progress, std::optional<double> left_seconds,
                         const Remaining& remaining);

// How long an activity still takes, by its pace since its first report. Passive.
class ActivityPace {
 public:
  // Nothing before it has moved.
  std::optional<double> SecondsLeft(absl::Time now, const v1::JobProgress& progress);

 private:
  std::string activity_;
  double first_done_ = 0;
  double last_done_ = 0;
  absl::Time begin_;
};

class Progress {
 public:
  // `label` precedes every line: which cell of a sweep this is. Of `config` only what RunEta and
  // Calendar read. `sweep` may be null, and outlives this.
  Progress(std::string label, const v1::RunConfig& config, const SweepEta* sweep = nullptr);
  // Ends a line that is still open.
  ~Progress();
  Progress(const Progress&) = delete;

  void Show(const v1::RunEvent& event);

 private:
  void ShowStep(const v1::StepRecord& record);
  void ShowActivity(const v1::JobProgress& progress);
  Remaining WhatIsLeft(absl::Time now, std::optional<double> activity) const;
  void Redraw(const std::string& text);
  void Print(const std::string& text);

  std::string label_;
  int steps_;
  RunEta eta_;
  const SweepEta* sweep_;
  ActivityPace pace_;
  bool terminal_;
  bool line_open_ = false;
  absl::Time begin_;
  absl::Time next_;           // when a step may be shown again
  absl::Time next_activity_;  // the same for what is no step
  std::string note_;          // the last activity without an amount
  v1::StepRecord last_;       // with the newest validation loss
};

}  // namespace edgetp
