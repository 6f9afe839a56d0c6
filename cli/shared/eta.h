// How long a run and a sweep, or a search, still take, judged by what they have taken so far. Used by the progress
// line. Pure: times are those of the records, or arguments.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "common/config/calendar.h"
#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// Evaluations and checkpoints take time of their own: it is in the span from one step's end to the
// next one's. Those to come are charged at the mean of those so far; what there has been none of is
// not known, and not charged.
class RunEta {
 public:
  // Of `train`: steps, eval_interval and checkpoint_interval; absent: none but after the last step.
  // `round`: the ranks are one model once in so many steps (Calendar).
  explicit RunEta(v1::TrainConfig train, int round = 1)
      : train_(std::move(train)), calendar_(train_.steps(), round) {}

  // After each step, in order.
  void Add(const v1::StepRecord& record);

  // From the last record on, whose evaluation is over, whose checkpoint is not. Nothing before there
  // have been two records, or after the last step.
  std::optional<double> Seconds() const;

 private:
  struct Mean {
    double sum = 0;
    int count = 0;
    double value() const { return count > 0 ? sum / count : 0; }
    void Add(double seconds);
  };

  bool Saves(int step) const;
  // Of the steps after `step`, how many have an evaluation.
  int EvaluationsAfter(int step) const;
  int CheckpointsFrom(int step) const;
  // Of the steps that are left, how many the run has time for.
  double ShareBeforeLimit() const;

  v1::TrainConfig train_;
  Calendar calendar_;
  std::optional<v1::StepRecord> last_;
  Mean step_;        // from one step's end to the next one's, with nothing else between
  Mean evaluation_;  // what comes on top
  Mean checkpoint_;
};

// Over all jobs of a command: those to come take as long as the mean of the others, but for what
// they wait for the network, as far as that is predicted.
class SweepEta {
 public:
  explicit SweepEta(int cells) : left_(cells - 1) {}
  // `waits`: for each job, in their order, how long it will wait for its network, in seconds.
  explicit SweepEta(std::vector<double> waits);
  // Of jobs that are not alike. `name`: of the command, for the progress line.
  explicit SweepEta(const char* name) : name_(name) {}

  // How much the job that begins has to do (steps, windows), and all those after it.
  void CellBegins(double amount, double left);
  void CellEnded(double seconds);

  // While the job under way has taken `passed` seconds, and takes `left` more.
  double Seconds(double passed, double left) const;
  // How much of all of them is done then, by time; in [0, 1].
  double Share(double passed, double left) const;
  const char* name() const { return name_; }

 private:
  const char* name_ = "sweep";
  double amount_ = 1;  // of the job under way
  double left_ = 0;    // of those after it
  double ended_ = 0;   // of those before it
  double ended_seconds_ = 0;
  std::vector<double> waits_;  // empty: nothing is known of them
  size_t job_ = 0;             // the one under way
};

}  // namespace edgetp
