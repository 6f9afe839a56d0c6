// The quantile that all of edgetp means. Pure.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace edgetp {

// The smallest sample that at least `share` of all are not above (the nearest rank); 0 of none.
inline double Quantile(std::vector<double> samples, double share) {
  if (samples.empty()) return 0;
  const double rank = std::ceil(share * static_cast<double>(samples.size()));
  const auto nth = samples.begin() + static_cast<std::ptrdiff_t>(std::max(rank, 1.0) - 1);
  std::nth_element(samples.begin(), nth, samples.end());
  return *nth;
}

}  // namespace edgetp
