#include "common/search/pareto.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace edgetp {
namespace {

constexpr int kNoLayer = -1;

double Comparable(double loss) {
  return std::isnan(loss) ? std::numeric_limits<double>::infinity() : loss;
}

// The number of each time among those that differ. A group of equal ones begins with its fastest.
std::vector<int> TimeClasses(const std::vector<Outcome>& outcomes) {
  std::vector<size_t> order(outcomes.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return outcomes[a].seconds < outcomes[b].seconds; });
  std::vector<int> classes(outcomes.size());
  int current = -1;
  double fastest = 0;
  for (const size_t i : order) {
    const double seconds = outcomes[i].seconds;
    if (current < 0 || seconds > fastest * (1 + kSameTime)) {
      ++current;
      fastest = seconds;
    }
    classes[i] = current;
  }
  return classes;
}

}  // namespace

std::vector<int> ParetoLayers(const std::vector<Outcome>& outcomes) {
  const std::vector<int> time = TimeClasses(outcomes);
  std::vector<int> layers(outcomes.size(), kNoLayer);
  const auto beats = [&](size_t a, size_t b) {
    const double left = Comparable(outcomes[a].loss), right = Comparable(outcomes[b].loss);
    return time[a] <= time[b] && left <= right && (time[a] < time[b] || left < right);
  };
  size_t sorted = 0;
  for (int layer = 0; sorted < outcomes.size(); ++layer) {
    std::vector<size_t> front;
    for (size_t i = 0; i < outcomes.size(); ++i) {
      if (layers[i] != kNoLayer) continue;
      bool beaten = false;
      for (size_t j = 0; j < outcomes.size() && !beaten; ++j)
        beaten = layers[j] == kNoLayer && beats(j, i);
      if (!beaten) front.push_back(i);
    }
    for (const size_t i : front) layers[i] = layer;
    sorted += front.size();
  }
  return layers;
}

}  // namespace edgetp
