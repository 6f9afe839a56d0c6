// Writes one rank's list of a step plan: the walk over the stages of a pattern's blocks, forward and
// backward, as the model does it (worker/model/gpt.cc). Used by step_plan. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "common/plan/step_plan.h"
#include "common/plan/work.h"

namespace edgetp {

class RankPlanner {
 public:
  // `options` must outlive the planner.
  RankPlanner(const PlanOptions& options, const Shard& shard);

  void Forward(Phase phase);
  void BackwardPass();
  // The forward pass up to the logits of one position.
  void NextToken();
  // The end of a step: `partial` elements of gradients to be summed, and the optimizer over this
  // rank's `parameters`.
  void Update(int64_t partial, double parameters);

  std::vector<PlanStep> Take() { return std::move(steps_); }

 private:
  // One rank has all of the vocabulary, whatever was asked for.
  bool shares_vocabulary() const { return options_.vocabulary_parallel && options_.world_size > 1; }
  int64_t tokens() const { return int64_t{options_.batch} * options_.shape.sequence; }

  void Hidden(Phase phase);
  void Loss(Phase phase);
  void LossBackward();
  void ForwardBlock(Phase phase, int layer);
  void BackwardBlock(int layer);
  Work WorkOf(StagePart part, const PatternBlock& block) const;

  void Compute(Phase phase, int layer, const Work& work);
  // Blocking where `slack` is 0; else it starts a sum.
  void Sum(const CollectiveTag& tag, Channels channels, const PatternBlock& block, int slack);
  // Waits for the oldest sums, until no more than `keep` are under way.
  void TakeIn(size_t keep);
  // Of all channels, blocking.
  void SumActivations(const CollectiveTag& tag);
  CollectiveStep OfActivations(const CollectiveTag& tag, int64_t channels) const;
  void Add(CollectiveStep step);

  const PlanOptions& options_;
  const std::vector<PatternBlock>& blocks_;
  const RankSizes sizes_;
  std::vector<PlanStep> steps_;
  std::deque<CollectiveStep> under_way_;
  int64_t started_ = 0;
};

}  // namespace edgetp
