#include "common/plan/rank_planner.h"

#include <algorithm>
#include <utility>

namespace edgetp {
namespace {

// Per element of what always travels in float32.
constexpr int kFp32Bytes = 4;

bool IsForward(const CollectiveTag& tag) { return tag.traffic == TrafficClass::kActivationForward; }

}  // namespace

RankPlanner::RankPlanner(const PlanOptions& options, const Shard& shard)
    : options_(options),
      blocks_(options.pattern.blocks()),
      sizes_(options.shape, options.batch, shard) {}

void RankPlanner::Forward(Phase phase) {
  Hidden(phase);
  Loss(phase);
}

void RankPlanner::BackwardPass() {
  LossBackward();
  for (int layer = options_.shape.layers - 1; layer >= 0; --layer) BackwardBlock(layer);
  Compute(Phase::kBackward, -1, Backward(EmbeddingForward(sizes_)));
}

void RankPlanner::NextToken() {
  Hidden(Phase::kEvaluate);
  RankSizes one = sizes_;
  one.tokens = 1;
  Compute(Phase::kEvaluate, -1, FinalNormForward(sizes_) + HeadForward(one));
  const int64_t V = options_.shape.vocabulary;
  if (shares_vocabulary()) Add({{TrafficClass::kControl, Phase::kEvaluate, -1}, V, V * kFp32Bytes});
}

void RankPlanner::Hidden(Phase phase) {
  Compute(phase, -1, EmbeddingForward(sizes_));
  if (shares_vocabulary()) SumActivations({TrafficClass::kActivationForward, phase, -1});
  for (int layer = 0; layer < options_.shape.layers; ++layer) ForwardBlock(phase, layer);
}

// With a vocabulary that is shared, the ranks reduce each position's largest logit, its target's,
// and its sum of exponentials.
void RankPlanner::Loss(Phase phase) {
  Compute(phase, -1, FinalNormForward(sizes_) + HeadForward(sizes_));
  if (!shares_vocabulary()) return;
  for (const Reduction reduction : {Reduction::kMax, Reduction::kSum, Reduction::kSum}) {
    const CollectiveTag tag{TrafficClass::kScalar, phase, -1, reduction};
    Add({tag, tokens(), tokens() * kFp32Bytes});
  }
  if (phase == Phase::kForward) Compute(phase, -1, SharedSoftmax(sizes_));
}

void RankPlanner::LossBackward() {
  const Work head = Backward(HeadForward(sizes_)), norm = Backward(FinalNormForward(sizes_));
  if (!shares_vocabulary()) return Compute(Phase::kBackward, -1, head + norm);
  Compute(Phase::kBackward, -1, head);
  SumActivations({TrafficClass::kActivationBackward, Phase::kBackward, -1});
  Compute(Phase::kBackward, -1, norm);
}

void RankPlanner::Update(int64_t partial, double parameters) {
  if (partial > 0)
    Add({{TrafficClass::kGradSync, Phase::kOptimizer, -1}, partial, partial * kFp32Bytes});
  Add({{TrafficClass::kScalar, Phase::kOptimizer, -1}, 1, kFp32Bytes});
  Compute(Phase::kOptimizer, -1, OptimizerUpdate(parameters));
}

void RankPlanner::ForwardBlock(Phase phase, int layer) {
  const PatternBlock& block = blocks_[layer];
  const CollectiveTag tag{TrafficClass::kActivationForward, phase, layer};
  const int slack = SlackOf(block);
  for (const Stage& stage : StagesOf(block)) {
    Compute(phase, layer, WorkOf(stage.part, block));
    Sum(tag, stage.forward_sum, block, slack);
    TakeIn(slack);
  }
  if (block.last_of_run) TakeIn(0);
}

void RankPlanner::BackwardBlock(int layer) {
  const PatternBlock& block = blocks_[layer];
  const CollectiveTag tag{TrafficClass::kActivationBackward, Phase::kBackward, layer};
  const int slack = SlackOf(block);
  std::vector<Stage> stages = StagesOf(block);
  std::reverse(stages.begin(), stages.end());
  for (const Stage& stage : stages) {
    Compute(Phase::kBackward, layer, Backward(WorkOf(stage.part, block)));
    Sum(tag, stage.backward_sum, block, slack);
    TakeIn(slack);
  }
  if (block.first_of_run) TakeIn(0);
}

Work RankPlanner::WorkOf(StagePart part, const PatternBlock& block) const {
  switch (part) {
    case StagePart::kAttention:
      return AttentionForward(sizes_);
    case StagePart::kMlp:
      return MlpForward(sizes_);
    case StagePart::kWhole:
      return TraitsOf(block.kind).second_norm ? AttentionForward(sizes_) + MlpForward(sizes_)
                                              : OneNormForward(sizes_);
    case StagePart::kEnter:
    case StagePart::kMerge:
      break;
  }
  return {};
}

void RankPlanner::Compute(Phase phase, int layer, const Work& work) {
  if (work.operations == 0) return;
  steps_.push_back(
      ComputeStep{phase, layer, work.flops, work.bytes, static_cast<float>(work.product_flops),
                  static_cast<float>(work.elementwise_bytes), static_cast<float>(work.operations)});
}

CollectiveStep RankPlanner::OfActivations(const CollectiveTag& tag, int64_t channels) const {
  const int64_t elements = tokens() * channels;
  const int bytes_per_element =
      IsForward(tag) ? options_.wire_forward_bytes : options_.wire_backward_bytes;
  return {tag, elements, elements * bytes_per_element};
}

void RankPlanner::SumActivations(const CollectiveTag& tag) {
  Add(OfActivations(tag, options_.shape.channels));
}

void RankPlanner::Sum(const CollectiveTag& tag, Channels channels, const PatternBlock& block,
                      int slack) {
  CollectiveStep step = OfActivations(tag, CountOf(channels, block, options_.shape.channels));
  if (step.elements == 0) return;
  if (slack > 0) {
    step.part = CollectivePart::kStart;
    step.handle = started_++;
    under_way_.push_back(step);
  }
  Add(step);
}

void RankPlanner::TakeIn(size_t keep) {
  for (; under_way_.size() > keep; under_way_.pop_front()) {
    under_way_.front().part = CollectivePart::kWait;
    Add(under_way_.front());
  }
}

void RankPlanner::Add(CollectiveStep step) {
  if (options_.world_size > 1) steps_.push_back(step);
}

}  // namespace edgetp
