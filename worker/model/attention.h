// P_i of the design: causal self-attention over this rank's heads, W_o,i included, its output bias
// not. There are three ways to attend, the same function to rounding:
//   host    cpu::Attend (cpu_ops.h), of float32 in host memory
//   fused   LibTorch's scaled_dot_product_attention, from its version 2 on: keeps no weights
//   plain   operations one by one, on any device, with the masks of dropout (dropout.h)
#pragma once

#include "worker/model/forward_pass.h"
#include "worker/model/parallel_linear.h"
#include "worker/model/torch.h"

namespace edgetp {

enum class AttentionWay { kHost, kFused, kPlain };

// Plain where there is dropout: LibTorch's fused operation would draw other masks. Else host where the
// CPU's own operations take `projected`, and fused on all else, if this LibTorch has it.
AttentionWay ChooseAttention(const torch::Tensor& projected, bool dropout);

// 0 where a position may look, -inf where it may not.
// Shapes: -> (length, length).
torch::Tensor CausalMask(int64_t length, const torch::Device& device);

struct Attention {
  int layer = 0;
  int rank = 0;
  int64_t heads = 0;      // H/P: of this rank
  int64_t head_size = 0;  // D
  // As long as passes that keep their weights (KeepsAttentionWeights); longer ones make their own.
  torch::Tensor causal_mask;
  ColumnParallelLinear qkv;  // (C, 3 C/P): the rank's q heads, then its k heads, then its v heads
  RowParallelLinear projection;  // (C/P, C)

  // Shapes: (B*T, C) -> (B*T, C), partial: the sum over ranks is the attention's output.
  torch::Tensor operator()(const torch::Tensor& u, const ForwardPass& pass) const;

  // Without the linears. `projected` is float32 or, for the fused way, bf16; so is the result.
  // Shapes: (B*T, 3 C/P) -> (B*T, C/P).
  torch::Tensor Attend(AttentionWay way, const torch::Tensor& projected,
                       const ForwardPass& pass) const;

 private:
  torch::Tensor AttendFused(const torch::Tensor& projected, const ForwardPass& pass) const;
  torch::Tensor AttendPlain(const torch::Tensor& projected, const ForwardPass& pass) const;
  torch::Tensor MaskOf(int64_t length, const torch::Device& device) const;
};

}  // namespace edgetp
