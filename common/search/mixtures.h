// Patterns that mix a few letters, and which of them are likely to be good, before one is tried: the
// changes in loss that single blocks have made are taken to add up. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace edgetp {

// The pattern with `letter` in block `block`, and `baseline` in all others. Letters are patterns of
// one block: "s", "t@0.5".
std::string WithOneBlock(const std::string& baseline, int layers, int block,
                         const std::string& letter);

// The pattern of one letter: "tttt".
std::string AllOf(const std::string& letter, int layers);

// What a block costs in loss: [block][letter], 0 for the first letter.
using BlockChanges = std::vector<std::vector<double>>;

struct Mixture {
  std::string pattern;
  double change = 0;  // sum over the blocks: what the loss is expected to change by
};

// How many patterns of that many blocks there are.
double CountMixtures(int layers, int letters);

// All mixtures, if there are at most `limit`. Else, for each combination of sums over the ranks
// that a mixture can have (how many, of which size, how late), those with the smallest sums of
// changes: together about `limit`, and at least one for each, up to kMaxMixtures. By rising change,
// then by pattern.
// Errors: those of Pattern::Parse for a letter.
inline constexpr int kMaxMixtures = 1000;
absl::StatusOr<std::vector<Mixture>> PromisingMixtures(const std::vector<std::string>& letters,
                                                       const BlockChanges& changes, int limit);

}  // namespace edgetp
