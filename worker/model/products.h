// Products of matrices on any device, no part of autograd: what operations with a hand-written
// backward pass compute with.
#pragma once

#include "common/plan/memory_rules.h"
#include "worker/model/cpu_ops.h"
#include "worker/model/torch.h"

namespace edgetp {

// The product of what a and b are in bf16, summed in fp32 and rounded to bf16, as float32: for the
// hardware that HasBf16Products (device.h).
// Shapes: (m, k), (k, n) -> (m, n).
inline torch::Tensor Bf16Product(const torch::Tensor& a, const torch::Tensor& b) {
  return torch::mm(a.to(torch::kBFloat16), b.to(torch::kBFloat16)).to(torch::kFloat);
}

// Shapes: (m, k), (k, n) -> (m, n).
inline torch::Tensor Product(const torch::Tensor& a, const torch::Tensor& b,
                             Precision precision = Precision::kFp32) {
  if (precision == Precision::kBf16) return Bf16Product(a, b);
  return cpu::Takes(a) ? cpu::Product(a, b) : torch::mm(a, b);
}

// sum += factor * a b.
inline void AddProduct(const torch::Tensor& a, const torch::Tensor& b, float factor,
                       const torch::Tensor& sum, Precision precision = Precision::kFp32) {
  if (precision == Precision::kBf16) {
    torch::Tensor(sum).add_(Bf16Product(a, b), factor);
  } else if (cpu::Takes(a)) {
    cpu::AddProduct(a, b, factor, sum);
  } else {
    torch::Tensor(sum).addmm_(a, b, 1, factor);
  }
}

}  // namespace edgetp
