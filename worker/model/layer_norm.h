// GPT-2's layer normalisation. The bias is undefined in a model without biases.
#pragma once

#include "worker/model/cpu_ops.h"
#include "worker/model/torch.h"

namespace edgetp {

inline constexpr double kLayerNormEpsilon = 1e-5;  // as in GPT-2

struct LayerNorm {
  torch::Tensor weight;  // (C)
  torch::Tensor bias;    // (C), or undefined

  // Shapes: (rows, C) -> same.
  torch::Tensor operator()(const torch::Tensor& x) const {
    if (cpu::Takes(x)) return cpu::LayerNorm(x, weight, bias, kLayerNormEpsilon);
    return torch::layer_norm(x, {x.size(1)}, weight, bias, kLayerNormEpsilon);
  }
};

}  // namespace edgetp
