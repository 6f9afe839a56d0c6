#include "worker/model/region_walk.h"

#include <utility>

#include "worker/model/gradient_buckets.h"
#include "worker/model/recomputation.h"

namespace edgetp {

void RegionWalk::Run() {
  for (const Region& region : regions_) {
    const size_t lag = LagOf(region, groups_.size());
    if (region.begins_chain) late_gradients_.Begin(lag);
    for (RowGroup& group : groups_) RunRound(region, group, lag);
    if (region.ends_chain) TakeInAll();
  }
}

const torch::Tensor& RegionWalk::Complete(size_t group) {
  TakeIn(round_++);
  return groups_[group].stream.x;
}

torch::Tensor RegionWalk::Compute(const PlacedStage& placed, RowGroup& group) const {
  const Block& block = *blocks_[placed.layer];
  const StagePart part = placed.stage.part;
  if (recomputes_ && IsComputedAgain(part))
    return ComputeAgainLater(block, part, group.stream, group.pass);
  return block.Compute(part, group.stream, group.pass);
}

void RegionWalk::RunRound(const Region& region, RowGroup& group, size_t lag) {
  TakeIn(round_);
  late_gradients_.NextRound();
  group.stream.late_gradients = &late_gradients_;
  for (const PlacedStage& placed : region.stages) {
    const Block& block = *blocks_[placed.layer];
    const StagePart part = placed.stage.part;
    group.stream.x = EnterStage(group.stream.x, group.pass.buckets);
    torch::Tensor partial = Compute(placed, group);
    block.Leave(part, group.stream, group.pass);
    if (!partial.defined()) continue;
    if (lag == 1) {
      const torch::Tensor sum =
          ReduceFromRegion(std::move(partial), context_, group.pass, placed.layer);
      block.Finish(part, group.stream, sum, group.pass);
    } else {
      under_way_.push_back({&block, part, &group,
                            StartReduce(std::move(partial), context_, group.pass, placed.layer),
                            round_ + static_cast<int64_t>(lag)});
    }
  }
  ++round_;
}

void RegionWalk::TakeIn(int64_t round) {
  for (; !under_way_.empty() && under_way_.front().due <= round; under_way_.pop_front()) {
    UnderWay& oldest = under_way_.front();
    oldest.block->Finish(oldest.part, oldest.group->stream, oldest.sum->Finish(),
                         oldest.group->pass);
  }
}

void RegionWalk::TakeInAll() {
  if (!under_way_.empty()) TakeIn(under_way_.back().due);
}

}  // namespace edgetp
