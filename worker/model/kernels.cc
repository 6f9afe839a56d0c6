#include "worker/model/kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

// One version of a function per instruction set; the loader takes the best. Sanitizers do not
// survive the functions that choose (they run before the sanitizer's own start).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define EDGETP_VECTORIZED \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define EDGETP_VECTORIZED
#endif
#define EDGETP_INLINE inline __attribute__((always_inline))

namespace edgetp::kernels {
namespace {

// exp(x) within 2 ulp for x in [-87, 88], exp(88) above. Below -88, 0: there the power of two has
// the bits of 0 (denormal numbers would be slow). Source: the polynomial of Cephes' expf. No
// branches: loops around it become vector code.
EDGETP_INLINE float Exp(float x) {
  constexpr float kLog2E = 1.44269504088896341f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  x = std::min(std::max(x, -88.0f), 88.0f);
  const float scaled = x * kLog2E;
  const int exponent = static_cast<int>(scaled + (scaled < 0 ? -0.5f : 0.5f));
  const float n = static_cast<float>(exponent);
  const float r = x - n * kLn2High - n * kLn2Low;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return (p * r * r + r + 1.0f) * std::bit_cast<float>((exponent + 127) << 23);
}

// The widest vector, in floats.
constexpr int64_t kVector = 16;

// How many elements of row i of a causal matrix its loops visit: whole vectors are faster than a
// short rest.
EDGETP_INLINE int64_t VisitedOf(int64_t i, int64_t T) {
  return std::min(T, (i / kVector + 1) * kVector);
}

}  // namespace

EDGETP_VECTORIZED
void GeluErf(float* x, float* y, int64_t n) {
  // Phi(-|x|) = t P(t) exp(-x^2 / 2) / 2 with t = 1 / (1 + p |x| / sqrt 2), within 1e-7. Source:
  // Abramowitz and Stegun, 7.1.26. The density needs the same exponential.
  constexpr float kSqrtHalf = 0.70710678118654752f;
  constexpr float kDensity = 0.39894228040143268f;  // 1 / sqrt(2 pi)
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float value = x[i];
    const float bell = Exp(-0.5f * value * value);
    const float t = 1.0f / (1.0f + 0.3275911f * kSqrtHalf * std::fabs(value));
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    const float tail = 0.5f * p * t * bell;
    const float below = value < 0 ? tail : 1.0f - tail;  // Phi(x)
    y[i] = value * below;
    x[i] = below + value * kDensity * bell;
  }
}

EDGETP_VECTORIZED
void GeluTanh(float* x, float* y, int64_t n) {
  // (1 + tanh u) / 2 is the logistic function of 2 u.
  constexpr float kTwoRootTwoOverPi = 1.5957691216057308f, kCubic = 0.044715f;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float value = x[i], square = value * value;
    const float twice_u = kTwoRootTwoOverPi * value * (1.0f + kCubic * square);
    const float slope = kTwoRootTwoOverPi * (1.0f + 3.0f * kCubic * square);
    const float e = Exp(-twice_u), logistic = 1.0f / (1.0f + e);
    y[i] = value * logistic;
    x[i] = logistic + value * logistic * (e * logistic) * slope;
  }
}

EDGETP_VECTORIZED
void LayerNorm(const float* x, const float* weight, const float* bias, float epsilon, int64_t rows,
               int64_t C, float* y, NormStatistics* statistics) {
  for (int64_t row = 0; row < rows; ++row, x += C, y += C) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t c = 0; c < C; ++c) sum += x[c];
    const float mean = sum / static_cast<float>(C);
    float squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t c = 0; c < C; ++c) squares += (x[c] - mean) * (x[c] - mean);
    const float scale = 1.0f / std::sqrt(squares / static_cast<float>(C) + epsilon);
    if (bias != nullptr) {
#pragma omp simd
      for (int64_t c = 0; c < C; ++c) y[c] = (x[c] - mean) * scale * weight[c] + bias[c];
    } else {
#pragma omp simd
      for (int64_t c = 0; c < C; ++c) y[c] = (x[c] - mean) * scale * weight[c];
    }
    statistics[row] = {mean, scale};
  }
}

EDGETP_VECTORIZED
void LayerNormBackward(const float* dy, const float* x, const float* weight,
                       const NormStatistics* statistics, int64_t rows, int64_t C, float* dx,
                       float* weight_gradient, float* bias_gradient) {
  for (int64_t row = 0; row < rows; ++row, dy += C, x += C, dx += C) {
    const float mean = statistics[row].mean, scale = statistics[row].reciprocal_deviation;
    float sum = 0, projection = 0;
#pragma omp simd reduction(+ : sum, projection)
    for (int64_t c = 0; c < C; ++c) {
      const float normed = (x[c] - mean) * scale, inner = dy[c] * weight[c];
      weight_gradient[c] += dy[c] * normed;
      sum += inner;
      projection += inner * normed;
    }
    if (bias_gradient != nullptr) {
#pragma omp simd
      for (int64_t c = 0; c < C; ++c) bias_gradient[c] += dy[c];
    }
    const float mean_inner = sum / static_cast<float>(C);
    const float mean_projection = projection / static_cast<float>(C);
#pragma omp simd
    for (int64_t c = 0; c < C; ++c) {
      const float normed = (x[c] - mean) * scale;
      dx[c] = scale * (dy[c] * weight[c] - mean_inner - normed * mean_projection);
    }
  }
}

EDGETP_VECTORIZED
void CausalSoftmax(float* scores, float scale, const CausalRows& block) {
  constexpr float kMasked = -1e30f;  // its exponential is 0
  const int64_t T = block.columns, end = block.first + block.rows;
  for (int64_t i = block.first; i < end; ++i, scores += T) {
    const int64_t visited = VisitedOf(i, T);
#pragma omp simd
    for (int64_t j = i / kVector * kVector; j < visited; ++j)
      scores[j] = j <= i ? scores[j] : kMasked;
    float largest = kMasked;
#pragma omp simd reduction(max : largest)
    for (int64_t j = 0; j < visited; ++j) largest = std::max(largest, scores[j]);
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < visited; ++j) {
      scores[j] = Exp(scale * (scores[j] - largest));
      sum += scores[j];
    }
    const float share = 1.0f / sum;
#pragma omp simd
    for (int64_t j = 0; j < visited; ++j) scores[j] *= share;
#pragma omp simd
    for (int64_t j = visited; j < T; ++j) scores[j] = 0;
  }
}

EDGETP_VECTORIZED
void CausalSoftmaxBackward(const float* weights, float scale, const CausalRows& block,
                           float* gradient) {
  const int64_t T = block.columns, end = block.first + block.rows;
  for (int64_t i = block.first; i < end; ++i, weights += T, gradient += T) {
    const int64_t visited = VisitedOf(i, T);  // the weights beyond i are 0
    float mean = 0;
#pragma omp simd reduction(+ : mean)
    for (int64_t j = 0; j < visited; ++j) mean += weights[j] * gradient[j];
#pragma omp simd
    for (int64_t j = 0; j < visited; ++j) gradient[j] = scale * weights[j] * (gradient[j] - mean);
#pragma omp simd
    for (int64_t j = visited; j < T; ++j) gradient[j] = 0;
  }
}

EDGETP_VECTORIZED
double CrossEntropy(float* logits, const int64_t* targets, float share, int64_t rows, int64_t V) {
  double loss = 0;
  for (int64_t row = 0; row < rows; ++row, logits += V) {
    const int64_t target = targets[row];
    const float wanted = logits[target];
    float largest = logits[0];
#pragma omp simd reduction(max : largest)
    for (int64_t v = 0; v < V; ++v) largest = std::max(largest, logits[v]);
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t v = 0; v < V; ++v) {
      logits[v] = Exp(logits[v] - largest);
      sum += logits[v];
    }
    loss += std::log(static_cast<double>(sum)) + largest - wanted;
    const float factor = share / sum;
#pragma omp simd
    for (int64_t v = 0; v < V; ++v) logits[v] *= factor;
    logits[target] -= share;
  }
  return loss;
}

EDGETP_VECTORIZED
void Exponentials(float* logits, int64_t n, float* largest, float* sum) {
  float top = logits[0];
#pragma omp simd reduction(max : top)
  for (int64_t i = 0; i < n; ++i) top = std::max(top, logits[i]);
  float total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t i = 0; i < n; ++i) {
    logits[i] = Exp(logits[i] - top);
    total += logits[i];
  }
  *largest = top;
  *sum = total;
}

EDGETP_VECTORIZED
void Scale(float factor, float* values, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) values[i] *= factor;
}

EDGETP_VECTORIZED
void Add(const float* from, float* into, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) into[i] += from[i];
}

EDGETP_VECTORIZED
void AdamW(const AdamWFactors& factors, const float* gradient, float* value, float* exp_avg,
           float* exp_avg_sq, int64_t n) {
  const AdamWFactors f = factors;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float g = gradient[i];
    const float m = f.beta1 * exp_avg[i] + f.share1 * g;
    const float v = f.beta2 * exp_avg_sq[i] + f.share2 * g * g;
    exp_avg[i] = m;
    exp_avg_sq[i] = v;
    value[i] = f.decay * value[i] - f.rate * m / (std::sqrt(v) / f.correction + f.epsilon);
  }
}

}  // namespace edgetp::kernels
