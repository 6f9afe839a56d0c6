#include "common/report/downsample.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace edgetp {
namespace {

double Mean(const std::vector<double>& values, size_t begin, size_t end) {
  return std::accumulate(values.begin() + begin, values.begin() + end, 0.0) /
         static_cast<double>(end - begin);
}

}  // namespace

std::vector<size_t> LargestTriangles(const std::vector<double>& x, const std::vector<double>& y,
                                     size_t count) {
  const size_t size = x.size();
  std::vector<size_t> kept;
  count = std::max<size_t>(count, 3);
  if (size <= count) {
    kept.resize(size);
    std::iota(kept.begin(), kept.end(), size_t{0});
    return kept;
  }
  // Bucket i of the points between the first and the last.
  const auto bound = [&](size_t i) { return 1 + i * (size - 2) / (count - 2); };
  kept.push_back(0);
  for (size_t bucket = 0; bucket + 2 < count; ++bucket) {
    const size_t next_end = bucket + 3 < count ? bound(bucket + 2) : size;
    const double next_x = Mean(x, bound(bucket + 1), next_end);
    const double next_y = Mean(y, bound(bucket + 1), next_end);
    const size_t last = kept.back();
    size_t best = bound(bucket);
    double largest = -1;
    for (size_t i = bound(bucket); i < bound(bucket + 1); ++i) {
      const double area =
          std::abs((x[last] - next_x) * (y[i] - y[last]) - (x[last] - x[i]) * (next_y - y[last]));
      if (area > largest) {
        largest = area;
        best = i;
      }
    }
    kept.push_back(best);
  }
  kept.push_back(size - 1);
  return kept;
}

std::vector<double> TrailingMeans(const std::vector<double>& values, size_t window) {
  std::vector<double> means;
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    sum += values[i];
    if (i >= window) sum -= values[i - window];
    means.push_back(sum / static_cast<double>(std::min(i + 1, window)));
  }
  return means;
}

}  // namespace edgetp
