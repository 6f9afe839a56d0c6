#include "common/plan/work.h"

namespace edgetp {
namespace {

// (rows, inner) x (inner, columns): 2mnk flops; both operands are read, the result is written.
Work Product(double rows, double inner, double columns) {
  const double flops = 2 * rows * inner * columns;
  return {flops, kFloatBytes * (rows * inner + inner * columns + rows * columns), flops, 0, 1};
}

// `flops` per element, and that many elements read and written once.
Work Elementwise(double elements, double flops) {
  const double bytes = kFloatBytes * 2 * elements;
  return {flops * elements, bytes, 0, bytes, 1};
}

// The same of what a product has just left in the cache: it costs no traffic of its own.
Work InCache(double elements, double flops) {
  Work cost = Elementwise(elements, flops);
  cost.elementwise_bytes = 0;
  return cost;
}

// Flops per element of the parts that are no products: subtract, square, two means, scale, shift
// (LayerNorm); maximum, subtract, exp, sum, divide (softmax); the polynomial and its exponential
// (GELU).
constexpr double kLayerNormFlops = 8;
constexpr double kSoftmaxFlops = 5;
constexpr double kGeluFlops = 10;
// AdamW per parameter: two moments, their corrections, decay, square root, division, update.
constexpr double kAdamWFlops = 15;
// It reads parameter, gradient and two moments, and writes all but the gradient.
constexpr double kAdamWBytes = 7 * kFloatBytes;
// Reads the weights before and now, writes their difference.
constexpr double kDifferenceBytes = 3 * kFloatBytes;
// Scale, momentum's product and sum, Nesterov's product and sum, rate, update. It reads difference,
// momentum and the weights before, and writes momentum and twice the weights.
constexpr double kNesterovFlops = 7;
constexpr double kNesterovBytes = 6 * kFloatBytes;

Work Norm(const RankSizes& s) { return Elementwise(s.tokens * s.C, kLayerNormFlops); }

Work ResidualAddition(const RankSizes& s) { return Elementwise(s.tokens * s.C, 1); }

// Attention and MLP without either.
Work AttentionAlone(const RankSizes& s) {
  const double scores = s.B * s.heads * s.T * s.keys;
  const double attend_flops = 2 * 2 * scores * s.head_size;
  const double values = 2 * (s.tokens + s.B * s.keys) * s.width;  // q and the result, k and v
  // Heads are read and written in strides, by two products each: six passes instead of four.
  const Work attend{attend_flops, kFloatBytes * (2 * scores + values), attend_flops,
                    kFloatBytes * 1.5 * values, 1};
  // Causal: of T positions among themselves, the softmax visits half of the scores.
  Work softmax = Elementwise(scores, kSoftmaxFlops);
  if (s.keys == s.T) softmax.elementwise_bytes /= 2;
  return Product(s.tokens, s.C, 3 * s.width) + attend + softmax +
         Product(s.tokens, s.width, s.C);
}

Work MlpAlone(const RankSizes& s) {
  return Product(s.tokens, s.C, s.columns) + InCache(s.tokens * s.columns, kGeluFlops) +
         Product(s.tokens, s.columns, s.C);
}

}  // namespace

Work operator+(const Work& a, const Work& b) {
  return {a.flops + b.flops, a.bytes + b.bytes, a.product_flops + b.product_flops,
          a.elementwise_bytes + b.elementwise_bytes, a.operations + b.operations};
}

Work operator-(const Work& a, const Work& b) {
  return {a.flops - b.flops, a.bytes - b.bytes, a.product_flops - b.product_flops,
          a.elementwise_bytes - b.elementwise_bytes, a.operations - b.operations};
}

RankSizes::RankSizes(const ModelShape& shape, int batch, const Shard& shard)
    : B(batch),
      T(shape.sequence),
      C(shape.channels),
      keys(T),
      V(shard.vocabulary.size()),
      tokens(B * T),
      heads(shard.heads.size()),
      head_size(C / shape.heads),
      width(heads * head_size),
      columns(shard.columns.size()) {}

Work AttentionForward(const RankSizes& s) {
  return Norm(s) + AttentionAlone(s) + ResidualAddition(s);
}

Work MlpForward(const RankSizes& s) { return Norm(s) + MlpAlone(s) + ResidualAddition(s); }

Work OneNormForward(const RankSizes& s) {
  return Norm(s) + AttentionAlone(s) + MlpAlone(s) + ResidualAddition(s);
}

Work EmbeddingForward(const RankSizes& s) { return Elementwise(s.tokens * s.C, 1); }

Work FinalNormForward(const RankSizes& s) { return Norm(s); }

Work HeadForward(const RankSizes& s) {
  return Product(s.tokens, s.C, s.V) + Elementwise(s.tokens * s.V, kSoftmaxFlops);
}

Work SharedSoftmax(const RankSizes& s) { return Elementwise(s.tokens * s.V, 1); }

Work Backward(const Work& forward) {
  return {2 * forward.flops, 2 * forward.bytes, 2 * forward.product_flops,
          2 * forward.elementwise_bytes, 2 * forward.operations};
}

// A product for a weight's gradient has the sizes of the forward product, in another order.
Work AttentionWeightGradients(const RankSizes& s) {
  return Product(s.C, s.tokens, 3 * s.width) + Product(s.width, s.tokens, s.C);
}

Work MlpWeightGradients(const RankSizes& s) {
  return Product(s.C, s.tokens, s.columns) + Product(s.columns, s.tokens, s.C);
}

Work HeadWeightGradients(const RankSizes& s) { return Product(s.V, s.tokens, s.C); }

Work OptimizerUpdate(double parameters) {
  return {kAdamWFlops * parameters, kAdamWBytes * parameters, 0, 0, 1};
}

Work OuterDifference(double parameters) {
  return {parameters, kDifferenceBytes * parameters, 0, 0, 1};
}

Work OuterUpdate(double parameters) {
  return {kNesterovFlops * parameters, kNesterovBytes * parameters, 0, 0, 1};
}

}  // namespace edgetp
