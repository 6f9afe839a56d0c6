// The two parallel linears. Weights are (in, out) as in GPT-2's files, so that nothing is ever
// transposed for them.
#pragma once

#include "common/plan/precision.h"
#include "worker/model/deferred_products.h"
#include "worker/model/torch.h"

namespace edgetp {

// What reads the result of a linear.
enum class Reader {
  kFloat,    // a sum, over ranks or into the residual stream
  kProduct,  // attention or an activation, and then a product
};

// x @ weight + bias. The weight's gradient is added where it accumulates by the product itself: at
// once, or when `products` (which may be null, and outlives the graph) says.
// `bias` may be undefined. `x` is float32, or what a linear for a product has returned: bf16 where that
// is the precision and an accelerator computes, else float32.
// Shapes: x (rows, in), weight (in, out), bias (out) -> (rows, out).
torch::Tensor Linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     DeferredProducts* products = nullptr, Precision precision = Precision::kFp32,
                     Reader reader = Reader::kFloat);

// Each rank computes its slice of out_features.
struct ColumnParallelLinear {
  torch::Tensor weight;                  // (in, out/P)
  torch::Tensor bias;                    // (out/P), or undefined
  DeferredProducts* products = nullptr;  // as for Linear
  Precision precision = Precision::kFp32;

  // Shapes: (rows, in) -> (rows, out/P).
  torch::Tensor operator()(const torch::Tensor& x) const {
    return Linear(x, weight, bias, products, precision, Reader::kProduct);
  }
};

// Each rank holds a slice of in_features; the sum of all ranks' results is the product. Has no
// bias: it would be summed, too, so the block adds it after the sum.
struct RowParallelLinear {
  torch::Tensor weight;                  // (in/P, out)
  DeferredProducts* products = nullptr;  // as for Linear
  Precision precision = Precision::kFp32;

  // Shapes: (rows, in/P) -> (rows, out), partial.
  torch::Tensor operator()(const torch::Tensor& x) const {
    return Linear(x, weight, {}, products, precision);
  }
};

}  // namespace edgetp
