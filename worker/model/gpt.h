// GPT-2 over a rank's shard: embeddings, the blocks of a pattern, the head. Reads its weights
// from a ParameterStore and owns none. The one walk over the stages of the blocks is here; that of
// the planner (common/plan/rank_planner) is the same.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "worker/model/block.h"
#include "worker/model/parallel_context.h"
#include "worker/model/parameter_store.h"
#include "worker/model/tensor_parallel_region.h"
#include "worker/model/torch.h"
#include "worker/model/trainer.h"
#include "worker/model/vocabulary.h"

namespace edgetp {

class Gpt {
 public:
  // `context` and the store's tensors must outlive the model.
  Gpt(const TrainerOptions& options, const ParameterStore& store, ParallelContext* context);

  // Shapes: tokens (B, T) int64 -> (B*T, C), after ln_f; the same bits on all ranks.
  torch::Tensor Hidden(const torch::Tensor& tokens, const ForwardPass& pass) const;

  // Shapes: hidden (rows, C) -> (rows, V), on all ranks.
  torch::Tensor Logits(const torch::Tensor& hidden, const ForwardPass& pass) const;

  // Mean cross-entropy.
  // Shapes: tokens, targets (B, T) -> scalar.
  torch::Tensor Loss(const torch::Tensor& tokens, const torch::Tensor& targets,
                     const ForwardPass& pass) const;

 private:
  struct PlacedBlock {
    std::unique_ptr<Block> block;
    int layer = 0;
    std::vector<Stage> stages;
    size_t slack = 0;
    bool begins_run = true;
    bool ends_run = true;
  };

  // A stage whose sum is under way, and the block that will take it in.
  struct LateStage {
    const Block* block;
    StagePart part;
    std::unique_ptr<SumUnderWay> sum;
  };

  // Computes a stage and sums: at once, or into `late`.
  void RunStage(const PlacedBlock& placed, StagePart part, const ForwardPass& pass,
                ResidualStream& stream, std::deque<LateStage>& late) const;

  // Takes in the oldest late sums, until no more than `keep` are under way.
  static void TakeIn(size_t keep, const ForwardPass& pass, ResidualStream& stream,
                     std::deque<LateStage>& late);

  ParallelContext* const context_;
  const Vocabulary vocabulary_;
  std::vector<PlacedBlock> blocks_;
  LayerNorm final_norm_;
};

}  // namespace edgetp
