#include "worker/model/cache_kernels.h"

#include <algorithm>
#include <cmath>

namespace edgetp::kernels {

void AttendOne(const float* q, const float* keys, const float* values, int64_t n, int64_t D,
               float* scores, float* result) {
  const float scale = 1 / std::sqrt(static_cast<float>(D));
  float largest = -INFINITY;
  for (int64_t j = 0; j < n; ++j) {
    const float* key = keys + j * D;
    float product = 0;
#pragma omp simd reduction(+ : product)
    for (int64_t d = 0; d < D; ++d) product += q[d] * key[d];
    scores[j] = product * scale;
    largest = std::max(largest, scores[j]);
  }
  float sum = 0;
  for (int64_t j = 0; j < n; ++j) {
    scores[j] = std::exp(scores[j] - largest);
    sum += scores[j];
  }
  for (int64_t d = 0; d < D; ++d) result[d] = 0;
  for (int64_t j = 0; j < n; ++j) {
    const float* value = values + j * D;
    const float weight = scores[j] / sum;
#pragma omp simd
    for (int64_t d = 0; d < D; ++d) result[d] += weight * value[d];
  }
}

}  // namespace edgetp::kernels
