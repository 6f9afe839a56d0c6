// One live line on stderr while a job runs: redrawn on a terminal, else a new line every few
// seconds. Not thread-safe.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "edgetp/v1/control.pb.h"

namespace edgetp {

// "step 120/2000  loss 2.4512  val 2.5130  98.2 ms/step  7.82K tokens/s  ETA 3m05s  wifi-5". Pure.
std::string ProgressLine(const v1::StepRecord& record, int steps);

// "evaluating: 40 of 200 windows", or the activity alone. Pure.
std::string ActivityLine(const v1::JobProgress& progress);

class Progress {
 public:
  // `label` precedes every line: which cell of a sweep this is.
  Progress(std::string label, int steps);
  // Ends a line that is still open.
  ~Progress();
  Progress(const Progress&) = delete;

  void Show(const v1::RunEvent& event);

 private:
  void ShowStep(const v1::StepRecord& record);
  void Redraw(const std::string& text);
  void Print(const std::string& text);

  std::string label_;
  int steps_;
  bool terminal_;
  bool line_open_ = false;
  absl::Time next_;
  v1::StepRecord last_;  // with the newest validation loss
};

}  // namespace edgetp
