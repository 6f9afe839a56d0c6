// What a block, the embedding and the head compute: arithmetic and memory traffic of one rank's
// share. Used by the step plan. Pure.
#pragma once

#include "common/plan/model_shape.h"
#include "common/plan/shard_map.h"

namespace edgetp {

inline constexpr double kFloatBytes = 4;

// Arithmetic and memory traffic of a stretch of computation (ComputeStep says what the last three
// are for).
struct Work {
  double flops = 0;
  double bytes = 0;
  double product_flops = 0;
  double elementwise_bytes = 0;
  double operations = 0;
};

Work operator+(const Work& a, const Work& b);
Work operator-(const Work& a, const Work& b);

// Sizes of one rank's share, as doubles: products of them leave the range of int.
struct RankSizes {
  RankSizes(const ModelShape& shape, int batch, const Shard& shard);

  double B, T, C;
  double keys;       // of the scores of a position: T, and those kept from before
  double V;          // rows of the vocabulary
  double tokens;     // B * T
  double heads;      // H/P
  double head_size;  // D
  double width;      // C/P: channels inside attention
  double columns;    // 4C/P: hidden units of the MLP
};

// LN1, W_qkv, scores and their application over the full T x T square, W_o, the residual addition.
Work AttentionForward(const RankSizes& s);
// LN2, W_1, gelu, W_2, the residual addition.
Work MlpForward(const RankSizes& s);
// A block with one norm, whose result both read, and one residual addition.
Work OneNormForward(const RankSizes& s);
// The sum of two gathered rows per token, on every rank.
Work EmbeddingForward(const RankSizes& s);
// ln_f, on every rank.
Work FinalNormForward(const RankSizes& s);
// The output matrix, cross-entropy: with this rank's rows.
Work HeadForward(const RankSizes& s);
// From exponentials to the gradient of the logits: what is left to do once the ranks have summed
// them.
Work SharedSoftmax(const RankSizes& s);

// A backward pass has two products for each one of the forward pass: for the inputs and for the
// weights.
Work Backward(const Work& forward);

// Of a module's backward pass: the products for the gradients of its linears' weights, on whose
// results nothing in the backward pass waits. The sums for biases are as little counted as the biases.
Work AttentionWeightGradients(const RankSizes& s);
Work MlpWeightGradients(const RankSizes& s);
Work HeadWeightGradients(const RankSizes& s);

// AdamW on that many parameters.
Work OptimizerUpdate(double parameters);

// Of local steps: what so many parameters have moved since the last exchange, and the outer
// Nesterov step with the mean of it.
Work OuterDifference(double parameters);
Work OuterUpdate(double parameters);

}  // namespace edgetp
