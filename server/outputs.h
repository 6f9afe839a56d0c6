// What the coordinator's pure state machines ask the outside world to do. To be carried out list by
// list in the order of the fields: a run's events before its end, and a run has begun before its
// workers hear of it.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/control.pb.h"
#include "server/step_aggregator.h"

namespace edgetp {

// How a run ended. `outcome` is one of the values of RunSummary.status.
struct EndedRun {
  std::string run;
  v1::JobSpec spec;                    // as submitted
  std::string outcome;                 // done, failed, stopped
  absl::Status failure;                // not OK unless done
  std::vector<v1::JobResult> results;  // by rank; default messages for ranks that sent none
  StepStatistics statistics;
  std::map<std::string, v1::NetworkProfile> networks;  // that its steps name, without events
  int attempts = 1;
  int steps_repeated = 0;
  double seconds_lost = 0;
};

// An attempt of a run that goes on with another one.
struct LostAttempt {
  std::string run;
  int attempt = 1;
  std::string reason;
};

struct Outputs {
  std::vector<std::pair<std::string, v1::RunEvent>> events;  // run, event
  std::vector<LostAttempt> lost;
  std::vector<std::string> begun;  // runs that have just got their workers
  std::vector<std::pair<std::string, v1::ServerMessage>> sends;   // worker id, message
  std::vector<std::pair<std::string, absl::Status>> disconnects;  // worker id, why its stream ends
  std::vector<EndedRun> ended;  // their final events are the recorder's work
};

}  // namespace edgetp
