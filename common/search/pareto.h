// Which of several patterns are worth a look: those that nobody beats in loss and in step time. Pure.
#pragma once

#include <vector>

namespace edgetp {

struct Outcome {
  double seconds = 0;  // of a step
  double loss = 0;     // NaN counts as infinite: what has diverged is worse than anything
};

// Step times closer than this share are one: patterns with the same sums differ by draws of jitter.
inline constexpr double kSameTime = 0.005;

// The layer of each outcome. 0 is the Pareto front: no other is faster and no worse, or better and
// no slower. 1 is the front of what is left without it, and so on. Equal outcomes share a layer.
// Source: nondominated sorting, NSGA-II, Deb et al. 2002.
std::vector<int> ParetoLayers(const std::vector<Outcome>& outcomes);

}  // namespace edgetp
