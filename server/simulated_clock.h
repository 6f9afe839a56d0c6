// The clock of a run whose workers do not wait: it charges each step what the timeline simulator
// says that the step takes, from the same plan, network, seed and algorithms. Compute takes what
// the run's device profiles say, or, without any, what the ranks measured in that very step. Pure:
// its time is its own. One owner (the active job).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/config/run_plans.h"
#include "common/simulate/boards.h"
#include "common/simulate/timeline.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/report.pb.h"
#include "server/network_schedule.h"

namespace edgetp {

class SimulatedClock {
 public:
  // `config` is validated, and outlives the clock. `begin`: what it shows at first.
  explicit SimulatedClock(const v1::RunConfig* config, absl::Time begin = absl::UnixEpoch())
      : config_(*config), now_(begin) {}

  // So much simulated time after the epoch as has been charged.
  absl::Time now() const { return now_; }

  // Replaces the times of a step's record, which are the host's, by simulated ones, and says what it
  // takes of electricity where the devices' profiles know. The step runs under the network in force when it begins; one that is cut off waits for `schedule` to join it
  // again. `reports` are by rank.
  // Errors: DeadlineExceeded if a partition lasts longer than a collective may; Internal if
  // measured compute does not fit the plan, InvalidArgument if it is no time; those of
  // RunPlans::Build, ResolveNetwork and TimelineSimulator.
  absl::Status Charge(const std::vector<v1::StepReport>& reports, NetworkSchedule* schedule,
                      v1::StepRecord* record);

 private:
  absl::Status Prepare(const NetworkOptions& network);
  // Of a step with that plan of the run.
  absl::StatusOr<const ComputeTable*> Compute(const std::vector<v1::StepReport>& reports,
                                              size_t kind);
  // Returns how long the ranks waited for the end of a partition.
  absl::StatusOr<absl::Duration> AwaitConnected(int step, const ComputeTable& compute,
                                                NetworkSchedule* schedule);

  const v1::RunConfig& config_;
  std::optional<RunPlans> plans_;               // from the first step on
  std::vector<DeviceOptions> devices_;          // empty: compute is measured
  std::vector<ComputeTable> compute_;           // by plan
  std::optional<Boards> boards_;                // this and the next one: from the first step on
  std::optional<TimelineSimulator> simulator_;
  std::string network_;                         // that it has, by name
  absl::Time now_;
};

}  // namespace edgetp
