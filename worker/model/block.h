// A transformer block: what each of its stages (common/plan/pattern.h) computes, and how the sum over
// ranks that ends one is taken in. One file per pattern letter (block_t.cc, ...), one row per letter
// in block_rows.cc.
#pragma once

#include <deque>
#include <memory>
#include <utility>

#include "common/plan/pattern.h"
#include "worker/model/attention.h"
#include "worker/model/forward_pass.h"
#include "worker/model/layer_norm.h"
#include "worker/model/mlp.h"
#include "worker/model/parallel_context.h"
#include "worker/model/tensor_parallel_region.h"
#include "worker/model/torch.h"
#include "worker/model/trainer.h"

namespace edgetp {

// What flows from block to block.
// Shapes: (B*T, C) each, but for the parts of t@p.
struct ResidualStream {
  torch::Tensor x;        // replicated; inside a run of t@p: its shared channels alone
  torch::Tensor entered;  // inside a run of p: F(x), the stream as it entered the run
  torch::Tensor local;    // inside a run of p: this rank's own stream; of t@p: its own channels
  std::deque<torch::Tensor> pending;  // inside a run of t~k: this rank's parts of the late sums
  const LateGradients* late_gradients = nullptr;  // of the walk that this stream is in
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

// All functions throw CollectiveError and what LibTorch throws. Compute may be called again in the
// backward pass (recomputation.h).
class Block {
 public:
  explicit Block(BlockParts parts) : w_(std::move(parts)) {}
  virtual ~Block() = default;

  const BlockParts& parts() const { return w_; }

  // One stage. Returns what is to be summed over ranks: the fresh result of an operation that keeps
  // nothing of it for its backward pass (a product, a sum), since the sum will overwrite it;
  // undefined where the stage ends without a sum.
  // Shapes: the stream's -> (B*T, channels of the stage's forward_sum), contiguous.
  virtual torch::Tensor Compute(StagePart part, ResidualStream& stream,
                                const ForwardPass& pass) const = 0;

  // What a stage adds to the stream at once, beside what it has computed.
  virtual void Leave(StagePart, ResidualStream&, const ForwardPass&) const {}

  // Takes the sum that ends a stage into the stream: at once, or some stages later (SlackOf).
  virtual void Finish(StagePart part, ResidualStream& stream, const torch::Tensor& sum,
                      const ForwardPass& pass) const = 0;

 protected:
  const BlockParts w_;
};

// The block of a pattern's letter, as parts.place says.
std::unique_ptr<Block> MakeBlock(BlockParts parts);

// x + bias, or x itself where there is no bias.
inline torch::Tensor AddBias(const torch::Tensor& x, const torch::Tensor& bias) {
  return bias.defined() ? x + bias : x;
}

}  // namespace edgetp
