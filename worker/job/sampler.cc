#include "worker/job/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace edgetp {

int64_t SampleToken(const std::vector<float>& logits, const SamplerOptions& options,
                    double uniform) {
  // Most likely first; ties by id, so that the order does not depend on the sort.
  std::vector<int64_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  if (options.temperature <= 0) return order.front();
  if (options.top_k.has_value()) {
    order.resize(std::clamp<size_t>(*options.top_k, 1, order.size()));
  }
  std::vector<double> weight(order.size());
  double total = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    weight[i] = std::exp((logits[order[i]] - logits[order.front()]) / options.temperature);
    total += weight[i];
  }
  double left = uniform * total;
  for (size_t i = 0; i < order.size(); ++i) {
    left -= weight[i];
    if (left < 0) return order[i];
  }
  return order.back();
}

}  // namespace edgetp
