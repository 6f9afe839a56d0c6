// Writes one rank's list of a step plan: the walk over the regions of a pattern, forward and
// backward, as the model does it (worker/model/region_walk). Used by step_plan. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "common/plan/place.h"
#include "common/plan/regions.h"
#include "common/plan/step_plan.h"
#include "common/plan/work.h"

namespace edgetp {

class RankPlanner {
 public:
  // `options` must outlive the planner: those of the place, and of the ranks that share it.
  RankPlanner(const PlanOptions& options, const Shard& shard, Place place = {});

  // At the end, nothing is under way where the place is not the model's last.
  void Forward(Phase phase);
  // `complete` is told when the gradients of all parameters from a stage on (ParameterSpec::stage) are
  // there: it may start what follows.
  void BackwardPass(absl::FunctionRef<void(int)> complete = [](int) {});
  // The forward pass over each sequence's new tokens, whose T the options have, up to the logits of
  // the last one; attention also looks at so many tokens before them whose keys and values are
  // kept.
  void NextTokens(int cached);
  // The end of a step: `partial` elements of gradients to be summed, and the optimizer over this
  // rank's `parameters`.
  void Update(int64_t partial, double parameters);

  // What others do with this rank: a blocking collective as it is; one that is started, and its end.
  void Append(const CollectiveStep& step) { steps_.push_back(step); }
  void AppendWork(Phase phase, const Work& work) { Compute(phase, -1, work); }
  CollectiveStep Start(CollectiveStep step);
  void Wait(CollectiveStep step);

  std::vector<PlanStep> Take() { return std::move(steps_); }

 private:
  // One rank has all of the vocabulary, whatever was asked for.
  bool shares_vocabulary() const { return options_.vocabulary_parallel && options_.world_size > 1; }

  // Not all logits of a group are there at once: its loss and the head's gradients are computed
  // together, in the forward pass.
  bool TakesLossByChunks(const RankSizes& sizes) const;

  // A sum that was started, and the round before which it is taken in.
  struct UnderWay {
    CollectiveStep step;
    int64_t due = 0;
  };

  void Hidden(Phase phase);
  void Blocks(Phase phase);
  void Loss(Phase phase, const RankSizes& sizes);
  void LossBackward(const RankSizes& sizes);
  void ForwardRound(Phase phase, const Region& region, const RankSizes& sizes);
  void BackwardRound(const Region& region, const RankSizes& sizes,
                     absl::FunctionRef<void(int)> complete);
  Work WorkOf(const PlacedStage& placed, const RankSizes& sizes) const;
  Work WeightGradientsOf(const PlacedStage& placed, const RankSizes& sizes) const;

  void Compute(Phase phase, int layer, const Work& work);
  // Runs what was put off, while the sum that has just been started is under way.
  void ComputeDeferred();
  // Of the whole model.
  int LayerOf(int layer) const { return layer < 0 ? layer : place_.first_layer + layer; }
  CollectiveStep OfActivations(const CollectiveTag& tag, const RankSizes& sizes,
                               int64_t channels) const;
  // Blocking where nothing may overlap; else the sum is started, to be taken in `lag` rounds later.
  void Sum(CollectiveStep step, int64_t lag);
  int64_t CountOfStage(const PlacedStage& placed, Channels channels) const;
  // Waits for the sums that are due before this round.
  void TakeIn(int64_t round);
  void TakeInAll();
  int64_t Lag(const Region& region) const {
    return static_cast<int64_t>(LagOf(region, groups_.size()));
  }
  void Add(CollectiveStep step);

  const PlanOptions& options_;
  const Place place_;
  const std::vector<PatternBlock>& blocks_;
  const std::vector<Region> regions_;
  std::vector<RankSizes> groups_;  // of a micro-batch's rows
  const bool defers_;              // products for weights' gradients
  bool decodes_ = false;           // products of few rows: what they read is what they take
  std::vector<PlanStep> steps_;
  std::vector<std::pair<int, Work>> deferred_;  // with their layers
  std::deque<UnderWay> under_way_;
  int64_t started_ = 0;
  int64_t round_ = 0;  // one group in one region
};

}  // namespace edgetp
