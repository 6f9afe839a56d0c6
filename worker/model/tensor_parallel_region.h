// The two borders of a tensor-parallel region: F, where a replicated tensor enters it, and G, where
// the ranks' partial results leave it. Everything between them is rank-local. Source: Megatron-LM,
// arXiv 1909.08053, section 3.
#pragma once

#include "worker/model/forward_pass.h"
#include "worker/model/parallel_context.h"
#include "worker/model/torch.h"

namespace edgetp {

// F: the identity; its gradient is summed over ranks (tagged activation_bwd, `layer`).
// Shapes: (B*T, C) -> same.
torch::Tensor CopyToRegion(const torch::Tensor& x, ParallelContext& context, int layer);

// G: the sum over ranks (tagged activation_fwd, `layer`); its gradient is the identity. Overwrites
// `partial`, which must therefore be the fresh result of an operation that keeps nothing of it for
// its backward (a product, a sum).
// Shapes: (B*T, C) -> same, contiguous.
torch::Tensor ReduceFromRegion(torch::Tensor partial, ParallelContext& context,
                               const ForwardPass& pass, int layer);

}  // namespace edgetp
