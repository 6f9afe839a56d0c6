#include "common/plan/regions.h"

namespace edgetp {
namespace {

// Regions without their chains.
std::vector<Region> Cut(const Pattern& pattern) {
  std::vector<Region> regions;
  bool ended = true;
  for (int layer = 0; layer < pattern.layers(); ++layer) {
    const PatternBlock& block = pattern.blocks()[layer];
    for (const Stage& stage : StagesOf(block)) {
      if (ended || stage.backward_sum != Channels::kNone)
        regions.push_back({.slack = SlackOf(block)});
      regions.back().stages.push_back({layer, stage});
      ended = stage.forward_sum != Channels::kNone;
    }
  }
  return regions;
}

}  // namespace

std::vector<Region> RegionsOf(const Pattern& pattern) {
  std::vector<Region> regions = Cut(pattern);
  for (size_t i = 0; i + 1 < regions.size(); ++i) {
    Region &region = regions[i], &next = regions[i + 1];
    const int last = region.stages.back().layer, first = next.stages.front().layer;
    const bool same_run = last == first || !pattern.blocks()[last].last_of_run;
    const bool joined = region.slack == 0 ? next.slack == 0 : same_run;
    region.ends_chain = next.begins_chain = !joined;
  }
  if (!regions.empty()) regions.back().ends_chain = regions.back().slack > 0;
  return regions;
}

}  // namespace edgetp
