// What `edgetp advise` was asked for, as the problem that it solves, and an answer as the commands
// that check and run it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/shared/run_options.h"
#include "common/advise/candidates.h"
#include "edgetp/v1/advise.pb.h"

namespace edgetp {

// As typed. Of `run`: presets, model, sequence, network, link options, seed and --set.
struct AdviseFlags {
  RunFlags run;
  std::string devices;  // the pool: NAME*COUNT+NAME*COUNT
  std::string goal = "tokens";
  std::optional<int> max_workers;
  std::optional<int64_t> batch_tokens;
  bool exact = false;
  int rows = 10;
};

// Faults go to `faults`, each once. Adds to `notes` what a reader must know about what was taken.
AdviseProblem ResolveAdvise(const AdviseFlags& flags, Faults* faults,
                            std::vector<std::string>* notes);

// Fills the commands of every candidate, as a shell reads them.
void FillCommands(const AdviseFlags& flags, v1::AdviseReport* report);

}  // namespace edgetp
