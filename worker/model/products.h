// Products of matrices on any device, no part of autograd: what operations with a hand-written
// backward pass compute with.
#pragma once

#include "common/plan/precision.h"
#include "worker/model/cpu_ops.h"
#include "worker/model/torch.h"

namespace edgetp {

// What a product reads of `a`: itself, or its values in bf16. Products take either; who multiplies a
// tensor more than once asks once.
inline torch::Tensor Operand(const torch::Tensor& a, Precision precision) {
  return precision == Precision::kBf16 ? a.to(torch::kBFloat16) : a;
}

// The product of what a and b are in bf16, summed in fp32 and rounded to bf16: for the hardware that
// has such products (device.h).
// Shapes: (m, k), (k, n) -> (m, n), bf16.
inline torch::Tensor Bf16Product(const torch::Tensor& a, const torch::Tensor& b) {
  return torch::mm(a.to(torch::kBFloat16), b.to(torch::kBFloat16));
}

// Shapes: (m, k), (k, n) -> (m, n), float32.
inline torch::Tensor Product(const torch::Tensor& a, const torch::Tensor& b,
                             Precision precision = Precision::kFp32) {
  if (precision == Precision::kBf16) return Bf16Product(a, b).to(torch::kFloat);
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
