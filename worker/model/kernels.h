// The element-wise passes of a training step over float32 in host memory, each of which does what
// would else be several operations of LibTorch. Pure loops without LibTorch; compiled for several
// instruction sets, of which the processor's best is taken. Results depend on the values alone, not
// on how callers cut rows among threads. Used by cpu_ops.cc and adamw.cc; thread-safe.
#pragma once

#include <cstdint>

namespace edgetp::kernels {

// y = gelu(x), exact (erf) or by tanh; then x becomes gelu'(x), which is all that the backward
// pass needs. Sizes: n each.
void GeluErf(float* x, float* y, int64_t n);
void GeluTanh(float* x, float* y, int64_t n);

// Of one row of C elements.
struct NormStatistics {
  float mean = 0;
  float reciprocal_deviation = 0;
};

// y = (x - mean) / deviation * weight + bias per row; `bias` may be null.
// Shapes: x, y (rows, C); weight, bias (C); statistics (rows).
void LayerNorm(const float* x, const float* weight, const float* bias, float epsilon, int64_t rows,
               int64_t C, float* y, NormStatistics* statistics);

// dx from dy, and this call's sums for weight and bias, which are added to what is there;
// `bias_gradient` may be null.
// Shapes: as LayerNorm.
void LayerNormBackward(const float* dy, const float* x, const float* weight,
                       const NormStatistics* statistics, int64_t rows, int64_t C, float* dx,
                       float* weight_gradient, float* bias_gradient);

// Rows of a causal matrix: those of positions first, first + 1, ..., as far as `columns`, which
// reaches to the last of them or beyond.
struct CausalRows {
  int64_t first = 0;
  int64_t rows = 0;
  int64_t columns = 0;
};

// The row of position i becomes softmax(scale * its first i + 1 elements), then zeros.
// Shapes: (rows, columns).
void CausalSoftmax(float* scores, float scale, const CausalRows& block);

// From the gradient of CausalSoftmax's result to that of its argument, in place.
// Shapes: (rows, columns).
void CausalSoftmaxBackward(const float* weights, float scale, const CausalRows& block,
                           float* gradient);

// Sum over rows of -log softmax(row)[target]; then each row becomes (softmax(row) - onehot(target))
// times `share`.
// Shapes: logits (rows, V), targets (rows).
double CrossEntropy(float* logits, const int64_t* targets, float share, int64_t rows, int64_t V);

// One row of logits becomes exp(logits - largest); `sum` is theirs.
void Exponentials(float* logits, int64_t n, float* largest, float* sum);

// values *= factor.
void Scale(float factor, float* values, int64_t n);

// into += from. Sizes: n each.
void Add(const float* from, float* into, int64_t n);

struct AdamWFactors {
  float decay = 1;               // the value's factor
  float beta1 = 0, beta2 = 0;    // the moments' factors
  float share1 = 0, share2 = 0;  // of the gradient and of its square
  float correction = 1;          // divides the root of the second moment
  float epsilon = 0;
  float rate = 0;
};

// Sizes: n each.
void AdamW(const AdamWFactors& factors, const float* gradient, float* value, float* exp_avg,
           float* exp_avg_sq, int64_t n);

}  // namespace edgetp::kernels
