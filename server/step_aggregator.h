// Turns the step reports of all ranks into one record per step, and keeps what the summary needs.
// Pure; one owner.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// Steps in a row that ended under the same profile.
struct NetworkSpan {
  std::string network;
  int steps = 0;
};

// Sums and samples over the recorded steps of a run. Step 0 (losses before the first update) is not
// among them. Eight bytes a step.
struct StepStatistics {
  std::vector<double> step_seconds;  // mean over ranks, by step
  v1::Breakdown breakdown_sum;       // of the mean over ranks
  double hidden_sum = 0;             // the same of hidden_seconds
  double bytes_sum = 0;              // of the mean over ranks
  double wall_seconds = 0;
  int last_step = 0;
  std::optional<double> train_loss;  // the last ones reported
  std::optional<double> val_loss;
  int val_windows = 0;                 // of val_loss
  std::vector<NetworkSpan> networks;   // in force at the end of each step
  std::optional<double> host_seconds;  // under the simulated clock
  double tokens_per_step = 0;
  v1::StepEnergy energy_sum;  // no ranks: not known
  int skipped = 0;            // steps that changed nothing
  std::optional<double> ideal_step_seconds;  // of a step whose MFU is 1 (server/ideal_step.h)
};

// Gives a record of a step what its reports, by rank, do not say by themselves: simulated times
// instead of the measured ones, or energy.
using StepCharger =
    std::function<absl::Status(const std::vector<v1::StepReport>& reports, v1::StepRecord* record)>;

class StepAggregator {
 public:
  // `steps`: those that the run has. A resumed run begins where its checkpoint ended: its first
  // report says where. `charge` may be null: measured times count. `round`:
  // the ranks meet once in so many steps. `ideal_step_seconds`: those of the statistics.
  StepAggregator(int world_size, int steps, double tokens_per_step, bool resumed,
                 StepCharger charge = nullptr, int round = 1,
                 std::optional<double> ideal_step_seconds = std::nullopt);

  // The record of the step if this was the last rank to report it; a report of step 0, of which
  // each rank has one, is a record by itself. What is kept of reports that others have not sent yet
  // is bounded.
  // Errors: Internal if a rank reports a step twice, out of order, or too far ahead of the others;
  // InvalidArgument if there is no such step, or a number is none; those of `charge`.
  absl::StatusOr<std::optional<v1::StepRecord>> Add(int rank, const v1::StepReport& report);

  // Another attempt of a run adds to what was counted before. `wall_seconds`: from the run's first
  // step to the attempt's.
  void GoOnFrom(StepStatistics statistics) { statistics_ = std::move(statistics); }
  void SetBegin(double wall_seconds) { begin_seconds_ = wall_seconds; }

  const StepStatistics& statistics() const { return statistics_; }
  // The last step that the rank has reported; absent: none yet.
  std::optional<int> LastStep(int rank) const;

 private:
  v1::StepRecord Combine(const std::vector<v1::StepReport>& reports) const;
  void Count(const v1::StepRecord& record, const std::vector<v1::StepReport>& reports);
  void SetValLoss(const v1::StepReport& report);

  absl::Status Check(int rank, const v1::StepReport& report) const;

  const int steps_;
  const int max_ahead_;  // in steps
  bool begin_is_open_;                                    // until the first report
  std::vector<int> last_step_;                            // by rank
  std::vector<bool> began_;                               // by rank: has reported step 0
  std::map<int, std::map<int, v1::StepReport>> pending_;  // by step and rank
  StepCharger charge_;
  double begin_seconds_ = 0;
  StepStatistics statistics_;
};

// into += part * scale, term by term.
void Accumulate(const v1::Breakdown& part, double scale, v1::Breakdown* into);

double Total(const v1::TrafficBytes& bytes);

// Whether every number of a report on time can be added up. Losses may be anything: they are what a
// diverging run is about.
// Errors: InvalidArgument.
absl::Status CheckFinite(const v1::Breakdown& breakdown);
absl::Status CheckFinite(const v1::Fidelity& fidelity);

}  // namespace edgetp
