// The two parallel linears. Weights are (in, out) as in GPT-2's files, so that nothing is ever
// transposed for them.
#pragma once

#include <torch/torch.h>

namespace edgetp {

// Each rank computes its slice of out_features.
struct ColumnParallelLinear {
  torch::Tensor weight;  // (in, out/P)
  torch::Tensor bias;    // (out/P), or undefined

  // Shapes: (rows, in) -> (rows, out/P).
  torch::Tensor operator()(const torch::Tensor& x) const {
    return bias.defined() ? torch::addmm(bias, x, weight) : torch::mm(x, weight);
  }
};

// Each rank holds a slice of in_features; the sum of all ranks' results is the product. Has no
// bias: it would be summed, too, so the block adds it after the sum.
struct RowParallelLinear {
  torch::Tensor weight;  // (in/P, out)

  // Shapes: (rows, in/P) -> (rows, out), partial.
  torch::Tensor operator()(const torch::Tensor& x) const { return torch::mm(x, weight); }
};

}  // namespace edgetp
