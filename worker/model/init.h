// Initial weights, as full tensors that nobody holds: a value depends on (seed, tensor name, index)
// alone, so every world size, host and LibTorch version starts as the same model, and each rank
// computes what it needs of it. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "common/data/stored_tensor.h"
#include "common/plan/parameters.h"
#include "worker/model/trainer.h"

namespace edgetp {

//   gpt2   N(0, 0.02); residual projections N(0, 0.02 / sqrt(2L)); biases 0
//   torch  weights and biases of the block linears as PyTorch's Linear has them by default, uniform
//          in +- 1/sqrt(fan_in); the rest as gpt2
// Norms: weight 1, bias 0. Of what the specs own.
std::vector<StoredTensor> InitialTensors(const std::vector<ParameterSpec>& specs,
                                         const ModelShape& shape, InitKind kind, uint64_t seed);

}  // namespace edgetp
