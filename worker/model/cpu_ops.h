// The model's operations on tensors in host memory, each with a hand-written backward pass: fewer
// passes over memory and fewer calls than LibTorch's own, which serve other devices. Gradients of
// parameters accumulate where the parameters' .grad() is; autograd sees activations alone. Each is
// the same function as the plain code beside which it is used; tests compare the two.
#pragma once

#include <atomic>

#include "worker/model/torch.h"
#include "worker/model/trainer.h"

namespace edgetp::cpu {

// Tests set it to false: then what serves other devices computes on the CPU, too.
inline std::atomic<bool> enabled = true;

// Whether these operations take `x`.
inline bool Takes(const torch::Tensor& x) {
  return x.device().is_cpu() && x.scalar_type() == torch::kFloat &&
         enabled.load(std::memory_order_relaxed);
}

// a b, and sum += factor * a b. Each of a and b is contiguous or the transpose of something that
// is.
// Shapes: (m, k), (k, n) -> (m, n). No part of autograd.
torch::Tensor Product(const torch::Tensor& a, const torch::Tensor& b);
void AddProduct(const torch::Tensor& a, const torch::Tensor& b, float factor,
                const torch::Tensor& sum);

// Overwrites `x`, which must be the fresh result of an operation that keeps nothing of it for its
// backward pass (a product).
// Shapes: any, contiguous -> same.
torch::Tensor Gelu(torch::Tensor x, GeluKind kind);

// `bias` may be undefined.
// Shapes: (rows, C) -> same.
torch::Tensor LayerNorm(const torch::Tensor& x, const torch::Tensor& weight,
                        const torch::Tensor& bias, double epsilon);

// Causal self-attention without dropout. Keeps its weights where KeepsAttentionWeights says so
// (common/plan/memory_rules.h).
// Shapes: qkv (B*T, 3 * heads * D), all heads' q, then k, then v -> (B*T, heads * D).
torch::Tensor Attend(const torch::Tensor& qkv, int64_t heads, int64_t T);

// Rows of both tables, added.
// Shapes: tokens (B, T), token_table (V, C), position_table (>= T, C) -> (B*T, C).
torch::Tensor Embed(const torch::Tensor& tokens, const torch::Tensor& token_table,
                    const torch::Tensor& position_table);

// The same of a vocabulary that ranks share: `token_table` has the rows from token `first` on, and
// tokens of other ranks become zeros. Positions are added once the ranks have summed; AddPositions
// overwrites `x`, as Gelu does.
// Shapes: tokens (B, T), token_table (V/P, C) -> (B*T, C); x (B*T, C) -> same.
torch::Tensor EmbedRows(const torch::Tensor& tokens, const torch::Tensor& token_table,
                        int64_t first);
torch::Tensor AddPositions(torch::Tensor x, const torch::Tensor& position_table, int64_t T);

// Mean cross-entropy of hidden @ table^T.
// Shapes: hidden (rows, C), table (V, C), targets with `rows` elements -> scalar.
torch::Tensor HeadLoss(const torch::Tensor& hidden, const torch::Tensor& table,
                       const torch::Tensor& targets);

}  // namespace edgetp::cpu
