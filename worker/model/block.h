// A transformer block: how attention and MLP are joined by sync points. One file per pattern letter
// (block_t.cc, ...), one row per letter in gpt.cc.
#pragma once

#include <memory>

#include "common/plan/pattern.h"
#include "worker/model/attention.h"
#include "worker/model/forward_pass.h"
#include "worker/model/layer_norm.h"
#include "worker/model/mlp.h"
#include "worker/model/parallel_context.h"
#include "worker/model/torch.h"
#include "worker/model/trainer.h"

namespace edgetp {

// What flows from block to block.
// Shapes: (B*T, C) each.
struct ResidualStream {
  torch::Tensor x;        // replicated
  torch::Tensor entered;  // inside a run of p: F(x), the stream as it entered the run
  torch::Tensor local;    // inside a run of p: this rank's own stream
};

// A block's weights and its place in the model.
struct BlockParts {
  int layer = 0;
  PatternBlock place;
  MergeKind merge = MergeKind::kSumLast;
  ParallelContext* context = nullptr;  // outlives the block
  LayerNorm ln1;
  LayerNorm ln2;
  Attention attention;
  Mlp mlp;
  torch::Tensor attention_bias;  // b_o (C), replicated; undefined without biases and in p
  torch::Tensor mlp_bias;        // b_2 (C), likewise
};

class Block {
 public:
  virtual ~Block() = default;
  // Throws CollectiveError and what LibTorch throws.
  virtual void Forward(ResidualStream& stream, const ForwardPass& pass) const = 0;
};

std::unique_ptr<Block> MakeBlockT(BlockParts parts);
std::unique_ptr<Block> MakeBlockS(BlockParts parts);
std::unique_ptr<Block> MakeBlockP(BlockParts parts);

// x + bias, or x itself where there is no bias.
inline torch::Tensor AddBias(const torch::Tensor& x, const torch::Tensor& bias) {
  return bias.defined() ? x + bias : x;
}

}  // namespace edgetp
