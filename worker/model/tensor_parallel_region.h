// The two borders of a tensor-parallel region: F, where a replicated tensor enters it, and G, where
// the ranks' partial results leave it. Everything between them is rank-local. Source: Megatron-LM,
// arXiv 1909.08053, section 3. Both can also sum in two calls, so that stages are computed while a
// sum is under way.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

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

// A sum that was started. Dropped without Finish, as when an exception unwinds the pass, it is
// waited for all the same: somebody else may still be writing to its memory.
class SumUnderWay {
 public:
  // Throws CollectiveError.
  SumUnderWay(ParallelContext& context, const CollectiveTag& tag, torch::Tensor partial);
  ~SumUnderWay();
  SumUnderWay(const SumUnderWay&) = delete;
  SumUnderWay& operator=(const SumUnderWay&) = delete;

  // Waits; once. Throws CollectiveError.
  torch::Tensor Finish();

 private:
  ParallelContext& context_;
  torch::Tensor partial_;
  ParallelContext::Pending pending_;
  bool finished_ = false;
};

// G in two calls: this one, and Finish of what it returns.
std::unique_ptr<SumUnderWay> StartReduce(torch::Tensor partial, ParallelContext& context,
                                         const ForwardPass& pass, int layer);

// Where in the backward pass the gradients' sums of late F are waited for: with a slack of k, that of
// stage j is started before stage j - 1 is computed, and waited for after stage j - k has started its
// own (at the beginning of the run: when all have). autograd runs the node with the highest sequence
// number of those that are ready, and numbers nodes as the forward pass makes them; so the node that
// waits gets a number from k stages earlier. One for each residual stream.
class LateGradients {
 public:
  // Before the first stage of a run.
  void BeginRun(size_t slack);

  // Once per stage, before its F: the sequence number of the node that waits for this stage's sum.
  uint64_t NextWait();

 private:
  std::deque<uint64_t> waits_;  // of the next stages
};

// F in two calls of the backward pass.
torch::Tensor CopyToRegionLate(const torch::Tensor& x, ParallelContext& context, int layer,
                               LateGradients& late);

}  // namespace edgetp
