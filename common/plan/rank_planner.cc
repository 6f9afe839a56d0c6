#include "common/plan/rank_planner.h"

#include "common/plan/memory_rules.h"

namespace edgetp {
namespace {

// In which of the forward pass's stages the parameters are (ParameterSpec::stage): attention and MLP
// of each block are two.
constexpr int kEmbeddingStage = 0;
int ParameterStage(int layer, StagePart part) {
  const int attention = 1 + 2 * layer;
  if (part == StagePart::kMerge) return attention + 2;  // it comes before the MLP's backward pass
  return part == StagePart::kMlp ? attention + 1 : attention;
}
int HeadStage(const ModelShape& shape) { return 1 + 2 * shape.layers; }

bool IsForward(const CollectiveTag& tag) { return tag.traffic == TrafficClass::kActivationForward; }

std::vector<RankSizes> CutRows(const PlanOptions& options, const Shard& shard, int groups) {
  std::vector<RankSizes> sizes;
  for (int group = 0; group < groups; ++group)
    sizes.emplace_back(options.shape, RowsOfGroup(options.batch, groups, group).size(), shard);
  return sizes;
}

}  // namespace

RankPlanner::RankPlanner(const PlanOptions& options, const Shard& shard, Place place)
    : options_(options),
      place_(std::move(place)),
      blocks_(options.pattern.blocks()),
      regions_(RegionsOf(options.pattern)),
      groups_(CutRows(options, shard, options.overlap.GroupsOf(options.world_size))),
      defers_(options.overlap.DefersWeightGradients(options.world_size)) {}

void RankPlanner::Forward(Phase phase) {
  Hidden(phase);
  if (!place_.last) return TakeInAll();
  for (const RankSizes& sizes : groups_) {
    TakeIn(round_++);
    Loss(phase, sizes);
  }
}

void RankPlanner::BackwardPass(absl::FunctionRef<void(int)> complete) {
  if (options_.recompute == Recompute::kPasses) Blocks(Phase::kBackward);
  if (place_.last) {
    for (size_t g = groups_.size(); g-- > 0;) LossBackward(groups_[g]);
    if (deferred_.empty()) complete(HeadStage(options_.shape));
  }
  for (size_t i = regions_.size(); i-- > 0;) {
    for (size_t g = groups_.size(); g-- > 0;) {
      BackwardRound(regions_[i], groups_[g], [&](int stage) {
        if (g == 0 && deferred_.empty()) complete(stage);
      });
    }
    if (regions_[i].begins_chain) TakeInAll();
  }
  if (!place_.first) return;
  for (size_t g = groups_.size(); g-- > 0;)
    Compute(Phase::kBackward, -1, Backward(EmbeddingForward(groups_[g])));
  complete(kEmbeddingStage);
}

CollectiveStep RankPlanner::Start(CollectiveStep step) {
  step.part = CollectivePart::kStart;
  step.handle = started_++;
  Append(step);
  return step;
}

void RankPlanner::Wait(CollectiveStep step) {
  step.part = CollectivePart::kWait;
  Append(step);
}

void RankPlanner::NextTokens(int cached) {
  decodes_ = true;
  groups_[0].keys += cached;
  Hidden(Phase::kEvaluate);
  TakeIn(round_++);
  RankSizes last = groups_[0];
  last.tokens = last.B;
  Compute(Phase::kEvaluate, -1, FinalNormForward(groups_[0]) + HeadForward(last));
  const int64_t logits = int64_t{options_.batch} * options_.shape.vocabulary;
  if (shares_vocabulary())
    Add({{TrafficClass::kControl, Phase::kEvaluate, -1}, logits, WireFormat()});
}

void RankPlanner::Update(int64_t partial, double parameters) {
  if (partial > 0)
    Add({{TrafficClass::kGradSync, Phase::kOptimizer, -1}, partial, options_.wire_grad_sync});
  Add({{TrafficClass::kScalar, Phase::kOptimizer, -1}, 1, WireFormat()});
  Compute(Phase::kOptimizer, -1, OptimizerUpdate(parameters));
}

void RankPlanner::Hidden(Phase phase) {
  for (const RankSizes& sizes : groups_) {
    if (!place_.first) break;
    Compute(phase, -1, EmbeddingForward(sizes));
    if (!shares_vocabulary()) continue;
    Sum(OfActivations({TrafficClass::kActivationForward, phase, -1}, sizes,
                      options_.shape.channels),
        1);
  }
  Blocks(phase);
}

void RankPlanner::Blocks(Phase phase) {
  for (const Region& region : regions_) {
    for (const RankSizes& sizes : groups_) ForwardRound(phase, region, sizes);
    if (region.ends_chain) TakeInAll();
  }
}

// With a vocabulary that is shared, the ranks reduce each position's largest logit, its target's,
// and its sum of exponentials. Where logits come in chunks, each chunk's gradient is taken while it is
// there; if that has to wait for the ranks' sums, the logits are computed again.
void RankPlanner::Loss(Phase phase, const RankSizes& sizes) {
  const Work head = HeadForward(sizes);
  const bool differentiates = phase == Phase::kForward && TakesLossByChunks(sizes);
  const Work gradients = differentiates ? Backward(head) : Work{};
  if (!shares_vocabulary())
    return Compute(phase, -1, FinalNormForward(sizes) + head + gradients);
  Compute(phase, -1, FinalNormForward(sizes) + head);
  const auto tokens = static_cast<int64_t>(sizes.tokens);
  for (const Reduction reduction : {Reduction::kMax, Reduction::kSum, Reduction::kSum})
    Add({{TrafficClass::kScalar, phase, -1, reduction}, tokens, WireFormat()});
  if (phase != Phase::kForward) return;
  const Work again = differentiates ? head : Work{};
  Compute(phase, -1, again + SharedSoftmax(sizes) + gradients);
}

bool RankPlanner::TakesLossByChunks(const RankSizes& sizes) const {
  const auto rows = static_cast<int64_t>(sizes.tokens);
  return RowsOfLogits(options_.loss_rows, rows, static_cast<int64_t>(sizes.V)) < rows;
}

void RankPlanner::LossBackward(const RankSizes& sizes) {
  const bool done = TakesLossByChunks(sizes);  // in the forward pass
  Work head = done ? Work{} : Backward(HeadForward(sizes));
  const Work norm = Backward(FinalNormForward(sizes));
  if (!shares_vocabulary()) return Compute(Phase::kBackward, -1, head + norm);
  if (defers_ && !done) {
    deferred_.emplace_back(-1, HeadWeightGradients(sizes));
    head = head - deferred_.back().second;
  }
  Compute(Phase::kBackward, -1, head);
  Sum(OfActivations({TrafficClass::kActivationBackward, Phase::kBackward, -1}, sizes,
                    options_.shape.channels),
      1);
  Compute(Phase::kBackward, -1, norm);
}

void RankPlanner::ForwardRound(Phase phase, const Region& region, const RankSizes& sizes) {
  TakeIn(round_);
  for (const PlacedStage& placed : region.stages) {
    Compute(phase, placed.layer, WorkOf(placed, sizes));
    Sum(OfActivations({TrafficClass::kActivationForward, phase, placed.layer}, sizes,
                      CountOfStage(placed, placed.stage.forward_sum)),
        Lag(region));
  }
  ++round_;
}

void RankPlanner::BackwardRound(const Region& region, const RankSizes& sizes,
                                absl::FunctionRef<void(int)> complete) {
  TakeIn(round_);
  for (size_t i = region.stages.size(); i-- > 0;) {
    const PlacedStage& placed = region.stages[i];
    Work work = Backward(WorkOf(placed, sizes));
    if (options_.recompute == Recompute::kStages) work = work + WorkOf(placed, sizes);
    if (defers_) {
      deferred_.emplace_back(placed.layer, WeightGradientsOf(placed, sizes));
      work = work - deferred_.back().second;
    }
    Compute(Phase::kBackward, placed.layer, work);
    Sum(OfActivations({TrafficClass::kActivationBackward, Phase::kBackward, placed.layer}, sizes,
                      CountOfStage(placed, placed.stage.backward_sum)),
        Lag(region));
    complete(ParameterStage(placed.layer, placed.stage.part));
  }
  ++round_;
}

int64_t RankPlanner::CountOfStage(const PlacedStage& placed, Channels channels) const {
  return CountOf(channels, blocks_[placed.layer], options_.shape.channels);
}

Work RankPlanner::WorkOf(const PlacedStage& placed, const RankSizes& sizes) const {
  switch (placed.stage.part) {
    case StagePart::kAttention:
      return AttentionForward(sizes);
    case StagePart::kMlp:
      return MlpForward(sizes);
    case StagePart::kWhole:
      return TraitsOf(blocks_[placed.layer].kind).second_norm
                 ? AttentionForward(sizes) + MlpForward(sizes)
                 : OneNormForward(sizes);
    case StagePart::kEnter:
    case StagePart::kMerge:
      break;
  }
  return {};
}

Work RankPlanner::WeightGradientsOf(const PlacedStage& placed, const RankSizes& sizes) const {
  switch (placed.stage.part) {
    case StagePart::kAttention:
      return AttentionWeightGradients(sizes);
    case StagePart::kMlp:
      return MlpWeightGradients(sizes);
    case StagePart::kWhole:
      return AttentionWeightGradients(sizes) + MlpWeightGradients(sizes);
    case StagePart::kEnter:
    case StagePart::kMerge:
      break;
  }
  return {};
}

void RankPlanner::Compute(Phase phase, int layer, const Work& work) {
  if (work.operations == 0) return;
  ComputeStep step{
      phase, LayerOf(layer), work.flops, work.bytes, static_cast<float>(work.product_flops),
      static_cast<float>(work.elementwise_bytes), static_cast<float>(work.operations)};
  if (decodes_) step.product_bytes = static_cast<float>(work.bytes - work.elementwise_bytes);
  steps_.push_back(step);
}

void RankPlanner::ComputeDeferred() {
  for (const auto& [layer, work] : deferred_) Compute(Phase::kBackward, layer, work);
  deferred_.clear();
}

CollectiveStep RankPlanner::OfActivations(const CollectiveTag& tag, const RankSizes& sizes,
                                          int64_t channels) const {
  const int64_t elements = static_cast<int64_t>(sizes.tokens) * channels;
  return {tag, elements, IsForward(tag) ? options_.wire_forward : options_.wire_backward};
}

void RankPlanner::Sum(CollectiveStep step, int64_t lag) {
  if (step.elements == 0 || options_.world_size == 1) return;
  const bool hidden_by_products = defers_ && !IsForward(step.tag);
  if (lag == 1 && !hidden_by_products) return Add(step);
  step.part = CollectivePart::kStart;
  step.handle = started_++;
  under_way_.push_back({step, round_ + lag});
  Add(step);
  if (!hidden_by_products) return;
  ComputeDeferred();
  if (lag == 1) TakeInAll();
}

void RankPlanner::TakeIn(int64_t round) {
  while (!under_way_.empty() && under_way_.front().due <= round) {
    CollectiveStep step = under_way_.front().step;
    under_way_.pop_front();
    step.part = CollectivePart::kWait;
    Add(step);
  }
}

void RankPlanner::TakeInAll() {
  if (!under_way_.empty()) TakeIn(under_way_.back().due);
}

void RankPlanner::Add(CollectiveStep step) {
  if (options_.world_size == 1) return;
  step.tag.layer = LayerOf(step.tag.layer);
  step.group = place_.group;
  steps_.push_back(std::move(step));
}

}  // namespace edgetp
