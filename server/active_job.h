// The life of the one job that has workers: readiness barrier, steps, results, and whose fault it
// was. It decides; the coordinator carries out. Pure (time is an argument); one owner.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/report.pb.h"
#include "server/membership.h"
#include "server/network_schedule.h"
#include "server/outputs.h"
#include "server/run_history.h"
#include "server/simulated_clock.h"
#include "server/step_aggregator.h"

namespace edgetp {

// That a job reports: of training, and of sampling those of the tokens after the first one.
int StepsOf(const v1::JobSpec& spec);

class ActiveJob {
 public:
  enum class Phase { kPreparing, kRunning, kEnded };

  struct Options {
    std::string run;
    v1::JobSpec spec;  // with `history` it is the same for every attempt
    absl::Time ready_deadline;
    // After a failure that only echoes another rank's, how long to wait for the one that started
    // it.
    absl::Duration blame_wait;
    absl::Time begin;
    RunHistory history = {};
  };

  // `workers` by rank; what is needed of them is copied.
  ActiveJob(Options options, const std::vector<Worker*>& workers);

  const std::string& run() const { return options_.run; }
  // What the workers call it (job_id.h).
  const std::string& job() const { return job_; }
  int attempt() const { return history_.attempt; }
  Phase phase() const { return phase_; }
  const std::vector<std::string>& workers() const { return workers_; }  // ids by rank
  const v1::JobSpec& spec() const { return options_.spec; }
  const StepStatistics& statistics() const { return aggregator_.statistics(); }

  v1::Assign Assignment(int rank, absl::Duration ready_limit) const;

  // spec() keeps the profile that the job was submitted with.
  const NetworkSchedule& network() const { return network_; }
  // What is in force, and what follows.
  v1::NetworkProfile NetworkOutlook(absl::Time now) const {
    return network_.Outlook(NetworkTime(now));
  }
  // With `span`, for so long only. AdvanceNetwork then says whether anything has changed.
  void SetNetwork(absl::Time now, const NetworkChange& change, std::optional<absl::Duration> span);
  std::vector<v1::NetworkProfile> PreviewNetwork(absl::Time now,
                                                 const NetworkChange& change) const {
    return network_.Preview(NetworkTime(now), change);
  }
  // Of one collective over the network: what the network needs, where nobody has chosen the run's.
  // Errors: InvalidArgument with both numbers if a collective would take longer than the deadline
  //   that somebody chose.
  // What was priced is remembered, since a change is checked before it is made.
  absl::StatusOr<absl::Duration> DeadlineOver(const v1::NetworkProfile& network) const;
  // Of one collective, for all networks that were set; as the config says without.
  absl::Duration deadline() const { return deadline_; }
  // True if another profile is in force since the last call.
  bool AdvanceNetwork(absl::Time now);

  // True if this was the last rank to get ready: start. The network's timeline begins.
  bool Ready(absl::Time now, int rank);
  // A record if this was the last rank to report the step. A report out of order ends the job.
  std::optional<v1::StepRecord> Step(absl::Time now, int rank, const v1::StepReport& report);
  // What the ranks have to know of it: the simulated time, where the run ends by that.
  std::optional<v1::ServerMessage> ClockAfter(const v1::StepRecord& record) const;
  void Result(int rank, const v1::JobResult& result);
  void Fail(absl::Time now, int rank, const v1::JobFailure& failure);
  // The worker is gone; `reason` completes "lost: ".
  void Lose(int rank, const std::string& reason);
  void Stop(const absl::Status& reason);
  // A cause outside the workers, e.g. a full disk.
  void FailFromOutside(const absl::Status& reason);
  // Deadlines: readiness, and the wait for the one to blame.
  void Tick(absl::Time now);

  // A worker has said something about the job.
  void Heard(absl::Time now) { heard_ = now; }
  // For whom or what the job waits, for people: where nothing was heard for kSilence, and once in
  // each that follows. Else empty.
  std::string Waiting(absl::Time now);
  static constexpr absl::Duration kSilence = absl::Seconds(10);

  // Call once phase() is kEnded.
  EndedRun Ended() const;
  // No rank has found fault with itself: a worker is gone, or ranks have lost one another.
  bool lost() const { return lost_; }
  std::optional<int> lost_rank() const { return lost_rank_; }
  const absl::Status& failure() const { return failure_; }
  // How often the run will have begun again without a new checkpoint, if its newest is of step
  // `checkpoint` (0: there is none).
  int RestartsWith(int checkpoint) const {
    return checkpoint > history_.first_step ? 1 : history_.restarts + 1;
  }
  // For the attempt that begins there. Call last.
  RunHistory GiveHistory(int checkpoint);

 private:
  // A failure that blames another rank.
  struct Echo {
    int rank;
    int culprit;
    absl::Status status;
  };

  // The rank that it blames has blamed it, too: what lies between them broke.
  bool IsBlamedInReturn(const Echo& echo) const;
  // The failure that tells the most when every one of them blames somebody else.
  absl::Status BestEcho() const;
  void End(const std::string& outcome, const absl::Status& failure);
  // As End, with a failure that is nobody's own.
  void EndByLoss(const absl::Status& failure);
  double SecondsLost() const;
  // When what the run has done up to step `checkpoint` had been done.
  std::optional<absl::Time> CountsUntil(int checkpoint) const;
  // What a record gets beside the mean of the reports: simulated times, or measured energy.
  StepCharger Charger();
  // What the network's timeline goes by: simulated time, where there is such a clock.
  absl::Time NetworkTime(absl::Time now) const { return clock_ ? clock_->now() : now; }
  // The ranks that the others wait for, and for what of theirs.
  std::pair<std::vector<int>, std::string> Missing() const;
  // "rank 1 (worker-2, pid 123)".
  std::string Describe(int rank) const;

  Options options_;
  RunHistory history_;  // of the attempts before; what this one adds to it is added at its end
  const std::string job_;
  std::vector<std::string> workers_;
  std::vector<v1::Member> members_;
  std::vector<int64_t> process_ids_;
  Phase phase_ = Phase::kPreparing;
  std::vector<bool> ready_;
  std::vector<std::optional<v1::JobResult>> results_;
  std::vector<bool> failed_;
  std::vector<Echo> echoes_;  // in the order of their arrival
  absl::Time heard_;          // of the job, from any worker
  absl::Time complained_;     // of silence
  absl::Time give_up_;  // waiting for a failure that blames nobody else; from the first echo on
  NetworkSchedule network_;
  std::string announced_network_;
  std::unique_ptr<SimulatedClock> clock_;  // null: times are measured
  StepAggregator aggregator_;
  absl::Duration deadline_;
  mutable std::map<std::string, absl::Duration> priced_deadlines_;  // by network, as bytes
  mutable std::optional<v1::RunConfig> chosen_config_;  // without a deadline that nobody chose
  std::optional<absl::Time> running_since_;
  int first_record_ = 0;               // the step of the first record
  std::vector<absl::Time> step_ends_;  // of the records, in order
  int steps_repeated_ = 0;             // by this attempt
  bool lost_ = false;
  std::optional<int> lost_rank_;
  std::string outcome_;
  absl::Status failure_;
};

}  // namespace edgetp
