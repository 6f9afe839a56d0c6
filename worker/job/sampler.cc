#include "worker/job/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace edgetp {
namespace {

// The `count` most likely tokens, most likely first; ties by id, so that the order does not depend
// on the sort.
std::vector<int64_t> MostLikely(absl::Span<const float> logits, size_t count) {
  std::vector<int64_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(
      order.begin(), order.begin() + static_cast<ptrdiff_t>(count), order.end(),
      [&](int64_t a, int64_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  order.resize(count);
  return order;
}

// How many of the first weights are `share` of their sum.
size_t Nucleus(const std::vector<double>& weights, double share) {
  const double wanted = share * std::accumulate(weights.begin(), weights.end(), 0.0);
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    sum += weights[i];
    if (sum >= wanted) return i + 1;
  }
  return weights.size();
}

}  // namespace

int64_t SampleToken(absl::Span<const float> logits, const SamplerOptions& options, double uniform) {
  if (options.temperature <= 0)
    return std::max_element(logits.begin(), logits.end()) - logits.begin();
  size_t count = logits.size();
  if (options.top_k.has_value()) count = std::clamp<size_t>(*options.top_k, 1, count);
  const std::vector<int64_t> order = MostLikely(logits, count);
  std::vector<double> weights;
  for (const int64_t token : order)
    weights.push_back(std::exp((logits[token] - logits[order.front()]) / options.temperature));
  if (options.top_p.has_value()) weights.resize(Nucleus(weights, *options.top_p));
  double left = uniform * std::accumulate(weights.begin(), weights.end(), 0.0);
  for (size_t i = 0; i < weights.size(); ++i) {
    left -= weights[i];
    if (left < 0) return order[i];
  }
  return order[weights.size() - 1];
}

}  // namespace edgetp
