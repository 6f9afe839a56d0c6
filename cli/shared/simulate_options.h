// What `edgetp simulate` was asked for, as the list of combinations that it simulates. Every fault
// is found before the first one starts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cli/shared/run_options.h"
#include "cli/shared/strategy_flags.h"
#include "common/simulate/choose_algorithm.h"
#include "common/simulate/simulate_report.h"

namespace edgetp {

// As typed. Patterns, workers, networks, devices, algorithms, overlaps and strategies are lists: each
// combination is one row.
struct SimulateFlags {
  RunFlags run;
  std::vector<std::string> patterns;
  std::vector<int> workers;
  std::vector<std::string> networks;
  std::vector<std::string> devices;
  std::vector<std::string> algorithms;
  std::vector<std::string> overlaps;
  StrategyFlags strategy;
  std::vector<std::string> bytes;  // not empty: all-reduces of these sizes, instead of a model
  std::optional<int> steps;
  std::optional<std::string> max_step;
  std::optional<int> draws;  // of boards that differ
  bool energy = false;       // asked for: it must be known
  std::string trace;
  std::string chakra;
};

struct SimulateCell {
  SimulateCase run;
  // As typed, expanded where nobody typed one, and what overlaps; where strategies were typed, the
  // strategy, with the pattern where there are several.
  std::string pattern;
  std::string allreduce;  // as asked
};

// Network by network, then by workers, device, pattern, overlap, strategy and algorithm: the first row of the same
// network, workers and device is what the others are compared with. A profile with a timeline gives
// a network for each of its different states but partitions. Faults go to `faults`, each once.
std::vector<SimulateCell> ResolveSimulation(const SimulateFlags& flags, Faults* faults);

// The sizes of --bytes for each network and world size, with the message overhead of --device, if
// any.
std::vector<AllReduceProblem> ResolveAllReduces(const SimulateFlags& flags, Faults* faults);

// Names of the registry, once each: "all" stands for all of them; without any, auto.
std::vector<std::string> ResolveAlgorithms(const SimulateFlags& flags, Faults* faults);

}  // namespace edgetp
