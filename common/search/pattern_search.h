// Searches the patterns that mix a few letters for those that lose little and save time: first each
// block alone with another letter, then the mixtures that promise something by that, then fewer and
// fewer of them for longer and longer. What a loss costs to measure, and how long a step takes, is
// the caller's: training, an evaluation, the simulator, a test. Pure.
//
// Source: SPD, arXiv 2502.20727 (blocks differ in what they lose by a dropped sync point, so it is
// measured one by one); successive halving, arXiv 1502.07943.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace edgetp {

struct SearchOptions {
  int layers = 0;
  // Patterns of one block; the first is the baseline's.
  std::vector<std::string> letters;
  // How long each rung measures, rising: steps of training, or windows of an evaluation.
  std::vector<int> amounts;
  // Of the candidates of a rung, one of so many goes on; the front goes on in any case.
  int factor = 3;
  int seeds = 1;
  int max_mixtures = 32;  // beside the baseline and those of one changed block
};

// One loss to be measured.
struct Trial {
  std::string pattern;
  int amount = 0;
  int seed = 0;            // 0..seeds-1
  int number = 0;          // 1 for the first
  int planned = 0;         // trials in all, as far as it is known
  double amount_left = 0;  // of the trials after this one, the same
};

struct SearchParts {
  // Validation loss. An error ends the search.
  std::function<absl::StatusOr<double>(const Trial&)> loss;
  // Seconds of a step, for what nobody has to train.
  std::function<absl::StatusOr<double>(const std::string& pattern)> step_seconds;
};

struct Candidate {
  std::string pattern;
  double step_seconds = 0;
  // By rung, then by seed. Losses of different rungs are never compared.
  std::vector<std::vector<double>> losses;

  bool Has(size_t rung) const { return losses.size() > rung; }
  double MeanLoss(size_t rung) const;
};

struct SearchResult {
  std::vector<Candidate> candidates;  // the baseline first, then those of one changed block
  absl::Status status;                // why the search has ended before its end
};

// `longest`, and before it a `factor`-th of what follows, `rungs` in all; fewer where that would be
// less than 1.
std::vector<int> Rungs(int longest, int rungs, int factor);

// Trials of a rung that all have the same amount are compared with one another alone: the Pareto
// front of loss against step time goes on to the next rung, then the next layers, until a
// `factor`-th is in; the baseline goes on always.
SearchResult RunSearch(const SearchOptions& options, const SearchParts& parts);

}  // namespace edgetp
