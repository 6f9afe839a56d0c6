// What a run has behind it when an attempt of it begins. Passes from one attempt to the next; moved,
// never copied. Pure data.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "server/network_schedule.h"
#include "server/step_aggregator.h"

namespace edgetp {

struct RunHistory {
  int attempt = 1;          // the one that begins
  int first_step = 0;       // of the checkpoint that it begins with; 0: as the run was submitted
  int furthest_step = 0;    // that any attempt before has ended
  int restarts = 0;         // without a new checkpoint in between, this one included
  int steps_repeated = 0;   // by the attempts before
  double seconds_lost = 0;  // the same
  std::string loss = {};    // that ended the attempt before, for people; empty: it had ended
  double wall_before = 0;   // seconds from the run's first step on, that another server has seen
  std::optional<absl::Time> begin = {};         // of the run's first step
  std::optional<absl::Time> counts_until = {};  // the end of what was done before for good
  StepStatistics statistics = {};               // of all steps, those that are repeated included
  std::optional<NetworkSchedule> network = {};
  absl::Time simulated_now = absl::UnixEpoch();  // where the run has such a clock
};

}  // namespace edgetp
