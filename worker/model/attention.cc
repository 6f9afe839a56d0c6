#include "worker/model/attention.h"

#include <torch/version.h>

#include <cmath>

#include "common/plan/memory_rules.h"
#include "worker/model/cpu_ops.h"
#include "worker/model/dropout.h"
#include "worker/model/key_value_cache.h"

namespace edgetp {
namespace {

// LibTorch 1.13 computes on CPUs alone here (cpu_ops.h).
constexpr bool kHasFusedAttention = TORCH_VERSION_MAJOR >= 2;

}  // namespace

torch::Tensor Attention::operator()(const torch::Tensor& u, const ForwardPass& pass) const {
  const torch::Tensor projected = qkv(u);  // (B*T, 3 C/P)
  if (pass.cached != nullptr) {
    pass.cached->Keep(layer, heads, projected);
    if (pass.cached->appends()) return projection(pass.cached->Attend(layer, heads, projected));
  }
  if (cpu::Takes(projected) && pass.dropout == 0)
    return projection(cpu::Attend(projected, heads, pass.sequence));
  if (kHasFusedAttention && !KeepsAttentionWeights(pass.sequence, pass.dropout > 0))
    return projection(AttendFused(projected, pass));
  return projection(Attend(projected, pass));
}

torch::Tensor Attention::AttendFused(const torch::Tensor& projected,
                                     const ForwardPass& pass) const {
#if TORCH_VERSION_MAJOR >= 2
  const int64_t B = pass.batch, T = pass.sequence, D = head_size;
  const auto parts = projected
                         .view({B, T, 3, heads, D})  //
                         .permute({2, 0, 3, 1, 4})   // (3, B, H/P, T, D)
                         .unbind(0);                 // 3 x (B, H/P, T, D)
  return at::scaled_dot_product_attention(parts[0], parts[1], parts[2], /*attn_mask=*/{},
                                          /*dropout_p=*/0, /*is_causal=*/true)
      .transpose(1, 2)               // (B, T, H/P, D)
      .reshape({B * T, heads * D});  // (B*T, C/P)
#else
  return Attend(projected, pass);
#endif
}

torch::Tensor Attention::Attend(const torch::Tensor& projected, const ForwardPass& pass) const {
  const int64_t B = pass.batch, T = pass.sequence, D = head_size;
  const auto parts = projected
                         .view({B, T, 3, heads, D})      //
                         .permute({2, 0, 3, 1, 4})       // (3, B, H/P, T, D)
                         .reshape({3, B * heads, T, D})  //
                         .unbind(0);                     // 3 x (B*H/P, T, D)
  const torch::Tensor mask =
      causal_mask.size(0) == T ? causal_mask : causal_mask.narrow(0, 0, T).narrow(1, 0, T);
  const double scale = 1 / std::sqrt(static_cast<double>(D));
  const torch::Tensor scores =
      torch::baddbmm(mask, parts[0], parts[1].transpose(1, 2), 1, scale);  // (B*H/P, T, T)
  const torch::Tensor weights =
      DropLocal(torch::softmax(scores, -1), pass, layer, DropoutSite::kAttentionWeights, rank);
  return torch::bmm(weights, parts[2])  // (B*H/P, T, D)
      .view({B, heads, T, D})           //
      .transpose(1, 2)                  // (B, T, H/P, D)
      .reshape({B * T, heads * D});     // (B*T, C/P)
}

}  // namespace edgetp
