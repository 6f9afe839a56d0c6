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

// Where in the backward pass the gradients' sums are waited for. With a lag of n rounds
// (region_walk.h), the sum of a round's gradient is started after the round has been computed, and
// waited for when n - 1 more have been. autograd runs the node with the highest sequence number of
// those that are ready, and numbers nodes as the forward pass makes them; so the node that waits gets
// a number from before the nodes of n - 1 rounds earlier. One for all groups of rows.
struct RegionCut;
class LateGradients {
 public:
  // Before the first round of a chain of regions: the lag of its rounds, at least 1.
  void Begin(size_t lag);

  // Before the nodes of each round.
  void NextRound();

  // Of a stage whose sum is somebody else's affair: F cuts its graph.
  static LateGradients CutAt(RegionCut* cut) {
    LateGradients late;
    late.cut_ = cut;
    return late;
  }

  // False: a sum is waited for where it starts.
  bool late() const { return lag_ > 1; }

  RegionCut* cut() const { return cut_; }

  // The sequence number of the node that waits for this round's sum.
  uint64_t wait_number() const { return wait_number_; }

 private:
  size_t lag_ = 1;
  std::deque<uint64_t> waits_;  // of the next rounds
  uint64_t wait_number_ = 0;
  RegionCut* cut_ = nullptr;
};

// Where a stage that is computed again (recomputation.h) is cut in two at F.
struct RegionCut {
  torch::Tensor outside;  // what enters F, with its graph
  torch::Tensor inside;   // what leaves it: a leaf, for whose gradient there is a sum to wait for
};

// F: the identity; its gradient is summed over ranks (tagged activation_bwd, `layer`): at once, or
// late. Products that were put off run meanwhile. What it returns is another tensor than `x` wherever
// there is somebody to sum with.
// Shapes: (rows, channels) -> same.
torch::Tensor CopyToRegion(const torch::Tensor& x, ParallelContext& context, int layer,
                           const LateGradients& late);

// The two halves of what F does with a gradient that is summed late, for who cuts a graph at F.
// TakeOwn: the gradient in memory that may be overwritten. StartGradientSum: runs what was put off
// once the sum is under way.
torch::Tensor TakeOwn(torch::Tensor gradient);
class SumUnderWay;
std::unique_ptr<SumUnderWay> StartGradientSum(const torch::Tensor& own, ParallelContext& context,
                                              int layer);

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

}  // namespace edgetp
