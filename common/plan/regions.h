// The stages of a model as its ranks walk them: in regions, which a rank computes without the others.
// Model (worker/model/region_walk) and planner (rank_planner) both walk this list. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "common/plan/pattern.h"

namespace edgetp {

struct PlacedStage {
  int layer = 0;
  Stage stage;
};

// Only the first stage of a region sums gradients at its beginning, only the last one activations at
// its end; either may have no sum. A module of t is a region, and so is a whole run of p.
struct Region {
  std::vector<PlacedStage> stages;
  // By how many regions its sums may be late.
  int slack = 0;
  // Sums may be under way from one region to the next within a chain: of a run with slack, or of all
  // neighbours without. At a chain's end those of activations are taken in, at its beginning, in the
  // backward pass, those of gradients. What follows the last region is without slack.
  bool begins_chain = true;
  bool ends_chain = true;
};

std::vector<Region> RegionsOf(const Pattern& pattern);

// After how many rounds (one group of rows in one region) a region's sum is taken in: 1, before the
// next one, where nothing overlaps.
inline size_t LagOf(const Region& region, size_t groups) {
  return (static_cast<size_t>(region.slack) + 1) * groups;
}

}  // namespace edgetp
