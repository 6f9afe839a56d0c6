// P_i of the design: causal self-attention over this rank's heads, W_o,i included, its output bias
// not.
#pragma once

#include "worker/model/forward_pass.h"
#include "worker/model/parallel_linear.h"
#include "worker/model/torch.h"

namespace edgetp {

struct Attention {
  int layer = 0;
  int rank = 0;
  int64_t heads = 0;          // H/P: of this rank
  int64_t head_size = 0;      // D
  // (T, T): 0 where a position may look, -inf where it may not; as long as passes that keep their
  // weights (KeepsAttentionWeights).
  torch::Tensor causal_mask;
  ColumnParallelLinear qkv;   // (C, 3 C/P): the rank's q heads, then its k heads, then its v heads
  RowParallelLinear projection;  // (C/P, C)

  // Shapes: (B*T, C) -> (B*T, C), partial: the sum over ranks is the attention's output.
  torch::Tensor operator()(const torch::Tensor& u, const ForwardPass& pass) const;

 private:
  // Without the linears, on any device, with dropout.
  // Shapes: (B*T, 3 C/P) -> (B*T, C/P).
  torch::Tensor Attend(const torch::Tensor& projected, const ForwardPass& pass) const;
  // The same by LibTorch's fused operation, which keeps no weights; no dropout.
  torch::Tensor AttendFused(const torch::Tensor& projected, const ForwardPass& pass) const;
};

}  // namespace edgetp
