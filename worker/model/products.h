// Products of matrices on any device, no part of autograd: what operations with a hand-written
// backward pass compute with.
#pragma once

#include "worker/model/cpu_ops.h"
#include "worker/model/torch.h"

namespace edgetp {

// Shapes: (m, k), (k, n) -> (m, n).
inline torch::Tensor Product(const torch::Tensor& a, const torch::Tensor& b) {
  return cpu::Takes(a) ? cpu::Product(a, b) : torch::mm(a, b);
}

// sum += factor * a b.
inline void AddProduct(const torch::Tensor& a, const torch::Tensor& b, float factor,
                       const torch::Tensor& sum) {
  if (cpu::Takes(a)) {
    cpu::AddProduct(a, b, factor, sum);
  } else {
    torch::Tensor(sum).addmm_(a, b, 1, factor);
  }
}

}  // namespace edgetp
