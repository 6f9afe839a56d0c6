// The two ends of a GPT: the embedding of its tokens, and the output matrix with its cross-entropy.
// Either every rank has the whole vocabulary and computes the same, or each has a range of its rows
// and the ranks sum. Source of the latter: Megatron-LM, arXiv 1909.08053, section 3.
#pragma once

#include <optional>

#include "worker/model/forward_pass.h"
#include "worker/model/parallel_context.h"
#include "worker/model/parameter_store.h"
#include "worker/model/torch.h"
#include "worker/model/trainer.h"

namespace edgetp {

class Vocabulary {
 public:
  // options.vocabulary_parallel: the store has this rank's rows alone; of one rank these are all.
  // `context` and the store's tensors must outlive it.
  Vocabulary(const TrainerOptions& options, const ParameterStore& store, ParallelContext* context);

  // Shapes: tokens (B, T) -> (B*T, C); the same bits on all ranks.
  torch::Tensor Embed(const torch::Tensor& tokens, const ForwardPass& pass) const;

  // No part of autograd where the vocabulary is shared.
  // Shapes: hidden (rows, C) -> (rows, V), on all ranks.
  torch::Tensor Logits(const torch::Tensor& hidden, const ForwardPass& pass) const;

  // Mean cross-entropy. Where not all logits are there at once (options.loss_rows), the head's gradient
  // is added here, as pass.loss_gradient says.
  // Shapes: hidden (rows, C), targets with `rows` elements -> scalar.
  torch::Tensor Loss(const torch::Tensor& hidden, const torch::Tensor& targets,
                     const ForwardPass& pass) const;

 private:
  // With these positions, of which the first ones are taken.
  torch::Tensor EmbedAt(const torch::Tensor& tokens, const torch::Tensor& position_table,
                        const ForwardPass& pass) const;
  torch::Tensor EmbedShared(const torch::Tensor& tokens, const torch::Tensor& position_table,
                            const ForwardPass& pass) const;
  torch::Tensor LossByChunks(int64_t chunk, const torch::Tensor& hidden,
                             const torch::Tensor& targets, const ForwardPass& pass) const;
  torch::Tensor SharedLoss(const torch::Tensor& hidden, const torch::Tensor& targets,
                           const ForwardPass& pass) const;

  ParallelContext* const context_;
  const int64_t size_;
  const bool shared_;
  const std::optional<int> loss_rows_;
  const Precision precision_;
  const Range rows_;              // of the vocabulary, that are here
  torch::Tensor token_table_;     // (V/P, C)
  torch::Tensor position_table_;  // (T, C)
  torch::Tensor head_;            // (V/P, C); the token table where the head is tied
};

}  // namespace edgetp
