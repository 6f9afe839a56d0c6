// The one walk over the regions of a model's blocks, forward; autograd makes the backward one of it.
// That of the planner (common/plan/rank_planner) is the same.
//
// A micro-batch may be cut into groups of rows (overlap ROWS), each with a residual stream of its
// own. A group in a region is a round; rounds go region by region, and within it group by group. A
// round ends by starting its sum, which is taken in some rounds later, before the group or, with a
// slack, one of its later regions needs it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "common/plan/regions.h"
#include "worker/model/block.h"
#include "worker/model/forward_pass.h"
#include "worker/model/parallel_context.h"
#include "worker/model/tensor_parallel_region.h"
#include "worker/model/torch.h"

namespace edgetp {

// A group of rows on its way through the model.
struct RowGroup {
  ForwardPass pass;   // of these rows
  int64_t begin = 0;  // of these rows in the pass that was cut
  ResidualStream stream;
};

// Throws CollectiveError and what LibTorch throws.
class RegionWalk {
 public:
  // One block per layer. Everything must outlive the walk. `groups` are embedded: their streams' x
  // is there. `recomputes`: the backward pass computes the insides of stages again.
  RegionWalk(const std::vector<std::unique_ptr<Block>>& blocks, const std::vector<Region>& regions,
             ParallelContext* context, std::vector<RowGroup>* groups, bool recomputes)
      : blocks_(blocks),
        regions_(regions),
        context_(*context),
        groups_(*groups),
        recomputes_(recomputes && torch::GradMode::is_enabled()) {}

  // All regions. Afterwards the last sums may still be under way.
  void Run();

  // Takes in what is still under way of a group: its stream is complete. Group by group.
  // Shapes: -> (rows, C).
  const torch::Tensor& Complete(size_t group);

 private:
  struct UnderWay {
    const Block* block;
    StagePart part;
    RowGroup* group;
    std::unique_ptr<SumUnderWay> sum;
    int64_t due;  // the round before which it is taken in
  };

  torch::Tensor Compute(const PlacedStage& placed, RowGroup& group) const;
  void RunRound(const Region& region, RowGroup& group, size_t lag);
  void TakeIn(int64_t round);
  void TakeInAll();

  const std::vector<std::unique_ptr<Block>>& blocks_;
  const std::vector<Region>& regions_;
  ParallelContext& context_;
  std::vector<RowGroup>& groups_;
  const bool recomputes_;
  LateGradients late_gradients_;
  std::deque<UnderWay> under_way_;
  int64_t round_ = 0;
};

}  // namespace edgetp
