#include "worker/model/attention.h"

#include <torch/version.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "worker/model/cpu_ops.h"
#include "worker/model/dropout.h"
#include "worker/model/key_value_cache.h"

namespace edgetp {
namespace {

constexpr bool kHasFusedAttention = TORCH_VERSION_MAJOR >= 2;

}  // namespace

AttentionWay ChooseAttention(const torch::Tensor& projected, bool dropout) {
  if (dropout) return AttentionWay::kPlain;
  if (cpu::Takes(projected)) return AttentionWay::kHost;
  return kHasFusedAttention ? AttentionWay::kFused : AttentionWay::kPlain;
}

torch::Tensor CausalMask(int64_t length, const torch::Device& device) {
  const auto options = torch::TensorOptions().dtype(torch::kFloat).device(device);
  return torch::full({length, length}, -std::numeric_limits<float>::infinity(), options).triu(1);
}

torch::Tensor Attention::operator()(const torch::Tensor& u, const ForwardPass& pass) const {
  const torch::Tensor projected = qkv(u);  // (B*T, 3 C/P)
  if (pass.cached != nullptr) {
    pass.cached->Keep(layer, heads, projected);
    if (pass.cached->appends())
      return projection(pass.cached->Attend(layer, heads, projected.to(torch::kFloat)));
  }
  return projection(Attend(ChooseAttention(projected, pass.dropout > 0), projected, pass));
}

torch::Tensor Attention::Attend(AttentionWay way, const torch::Tensor& projected,
                                const ForwardPass& pass) const {
  switch (way) {
    case AttentionWay::kHost:
      return cpu::Attend(projected, heads, pass.sequence);
    case AttentionWay::kFused:
      return AttendFused(projected, pass);
    case AttentionWay::kPlain:
      break;
  }
  return AttendPlain(projected.to(torch::kFloat), pass);
}

// q, k and v are taken where the projection has left them, and their gradients are written next to one
// another, as it reads them.
torch::Tensor Attention::AttendFused(const torch::Tensor& projected,
                                     const ForwardPass& pass) const {
#if TORCH_VERSION_MAJOR >= 2
  const int64_t B = pass.batch, T = pass.sequence, D = head_size;
  const auto parts = projected.view({B, T, 3, heads, D}).unbind(2);  // 3 x (B, T, H/P, D)
  const auto by_head = [&](int part) { return parts[part].transpose(1, 2); };  // (B, H/P, T, D)
  return at::scaled_dot_product_attention(by_head(0), by_head(1), by_head(2), /*attn_mask=*/{},
                                          /*dropout_p=*/0, /*is_causal=*/true)
      .transpose(1, 2)               // (B, T, H/P, D)
      .reshape({B * T, heads * D});  // (B*T, C/P)
#else
  throw std::logic_error("attention: this LibTorch has no fused one");
#endif
}

torch::Tensor Attention::AttendPlain(const torch::Tensor& projected,
                                     const ForwardPass& pass) const {
  const int64_t B = pass.batch, T = pass.sequence, D = head_size;
  const auto parts = projected
                         .view({B, T, 3, heads, D})      //
                         .permute({2, 0, 3, 1, 4})       // (3, B, H/P, T, D)
                         .reshape({3, B * heads, T, D})  //
                         .unbind(0);                     // 3 x (B*H/P, T, D)
  const double scale = 1 / std::sqrt(static_cast<double>(D));
  const torch::Tensor scores = torch::baddbmm(MaskOf(T, projected.device()), parts[0],
                                              parts[1].transpose(1, 2), 1, scale);  // (B*H/P, T, T)
  const torch::Tensor weights =
      DropLocal(torch::softmax(scores, -1), pass, layer, DropoutSite::kAttentionWeights, rank);
  return torch::bmm(weights, parts[2])  // (B*H/P, T, D)
      .view({B, heads, T, D})           //
      .transpose(1, 2)                  // (B, T, H/P, D)
      .reshape({B * T, heads * D});     // (B*T, C/P)
}

// Shapes: -> (length, length).
torch::Tensor Attention::MaskOf(int64_t length, const torch::Device& device) const {
  if (causal_mask.size(0) < length) return CausalMask(length, device);
  return causal_mask.size(0) == length ? causal_mask
                                       : causal_mask.narrow(0, 0, length).narrow(1, 0, length);
}

}  // namespace edgetp
