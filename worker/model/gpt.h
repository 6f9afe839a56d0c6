// GPT-2 over a rank's shard: embeddings, the blocks of a pattern, the head. Reads its weights
// from a ParameterStore and owns none.
#pragma once

#include <memory>
#include <vector>

#include "worker/model/block.h"
#include "worker/model/parallel_context.h"
#include "worker/model/parameter_store.h"
#include "worker/model/region_walk.h"
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
  // The groups of rows that a pass is cut into, embedded.
  std::vector<RowGroup> Embedded(const torch::Tensor& tokens, const ForwardPass& pass) const;

  ParallelContext* const context_;
  const Vocabulary vocabulary_;
  std::vector<std::unique_ptr<Block>> blocks_;
  const std::vector<Region> regions_;
  const int groups_;  // of rows, of a pass that trains
  const bool recomputes_;
  LayerNorm final_norm_;
};

}  // namespace edgetp
