// The step plan of one generated token of a Llama with tensor parallelism, as distributed-llama
// divides it: what the simulator is held against on real boards. Forward only. Memory traffic decides
// how long it computes: every weight is read once for each token. Pure.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/parameters.h"
#include "common/plan/step_plan.h"

namespace edgetp {

struct LlamaShape {
  int layers = 0;
  int heads = 0;
  int kv_heads = 0;    // grouped-query attention: each serves heads / kv_heads queries
  int channels = 0;    // C
  int hidden = 0;      // of the gated MLP
  int vocabulary = 0;  // V
};

// What the root and the others exchange in each layer.
enum class LlamaSync {
  // Slices (January 2024): the root alone has the residual stream and attends. It sends the input
  // of each product, and gathers the slices of q, k, v, of the attended values' projection, and of
  // both MLP products.
  kSlices,
  // Sums (since May 2024): everybody attends with its own heads; two all-reduces through the root.
  kSums,
};

// How weights are stored.
enum class LlamaWeights {
  kQ40,  // of ggml and distributed-llama: 4 bits, and a scale of 2 bytes for each block of 32
  kFloat32,
};

struct LlamaOptions {
  LlamaShape shape;
  int world_size = 1;
  LlamaSync sync = LlamaSync::kSums;
  int context = 0;  // tokens before this one
  LlamaWeights weights = LlamaWeights::kQ40;
  WireFormat wire;  // of what is exchanged; distributed-llama's Q80 is int8:g32
};

// The tensors that a token reads, in the order of the forward pass; norms are too small to count.
// The root looks up the embedding, whose table is in float32, and has the output head: of a shard's
// vocabulary.
std::vector<ParameterSpec> LlamaParameters(const LlamaShape& shape,
                                           LlamaWeights weights = LlamaWeights::kQ40);

// Everything has Phase::kForward; the output head is the root's alone.
// Errors: InvalidArgument if a size is < 1, the heads do not divide evenly, or a rank's slice is no
//   whole number of blocks of weights or of groups of the wire format.
absl::StatusOr<StepPlan> BuildLlamaPlan(const LlamaOptions& options);

}  // namespace edgetp
