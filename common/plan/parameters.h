// The parameters of a model, described once: name, shape, how ranks share each tensor, who owns it,
// how it begins and how it is trained. Step plan, memory, weight files, initialisation, optimizer
// and the worker's shards all read this list. A family of models is one table: GPT-2's is here,
// Llama's in llama_plan.h. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/plan/model_shape.h"
#include "common/plan/pattern.h"
#include "common/plan/shard_map.h"

namespace edgetp {

// Along which axis ranks share a tensor, and by what. Linears are (in, out).
enum class ParameterSplit {
  kReplicated,
  kQkv,             // last axis, 3C: the heads of q, of k and of v; never a cut of the stacked 3C
  kHeadColumns,     // last axis: heads
  kHeadRows,        // axis 0: heads
  kColumns,         // last axis: columns of the MLP
  kColumnRows,      // axis 0: columns of the MLP
  kVocabularyRows,  // axis 0: rows of the vocabulary
};

// What initialisation needs to know of a tensor.
enum class ParameterRole {
  kEmbedding,
  kNormWeight,
  kNormBias,
  kLinearWeight,
  kResidualWeight,
  kLinearBias,
  kHead  // an output matrix of its own
};

struct ParameterSpec {
  std::string name;  // as in files
  std::vector<int64_t> full_shape;
  ParameterSplit split = ParameterSplit::kReplicated;
  int64_t unit = 1;  // of the shared axis: what one head, column or row takes
  ParameterRole role = ParameterRole::kEmbedding;
  int64_t fan_in = 0;             // of the linear that it belongs to; 0 elsewhere
  bool partial_gradient = false;  // replicated, but each rank sees only part of its gradient
  // False: the model that files hold has it, and this block's letter does not (BlockTraits). Such a
  // tensor is written as zeros, a norm's weight as ones, and ignored when read, so that a file fits
  // every pattern.
  bool owned = true;
  double element_bytes = sizeof(float);  // in memory
  // Which stage of the forward pass has it: 0 the embedding, then attention and MLP of each block,
  // last the head. The backward pass completes its gradient when it leaves that stage; of an output
  // matrix that is the embedding, too, at the embedding.
  int stage = 0;

  bool sharded() const { return split != ParameterSplit::kReplicated; }
  bool decays() const { return full_shape.size() >= 2; }
  // Of the full tensor; a double, as products of sizes leave the range of integers.
  double elements() const;
};

// All tensors of GPT-2 in the order of the forward pass. `vocabulary_parallel`: ranks share the
// rows of wte, and of lm_head where the model has one.
std::vector<ParameterSpec> Gpt2Parameters(const ModelShape& shape, const Pattern& pattern,
                                          bool vocabulary_parallel);
// The same of the model that files hold, whatever the pattern: t's blocks, which own everything.
// shape.heads may be 0 (unknown): then nobody may ask for shards.
std::vector<ParameterSpec> Gpt2Parameters(const ModelShape& shape);

// The same where every rank has all of them, and no rank sees a part of a gradient: of replicas.
std::vector<ParameterSpec> Replicated(std::vector<ParameterSpec> specs);

// The axis of the full tensor that ranks share: 0, the last one, or -1 where it is replicated.
int SharedAxis(const ParameterSpec& spec);
// Heads, columns or rows of the shard; which of them follows from the split. For kReplicated: none.
Range ShareOf(const ParameterSpec& spec, const Shard& shard);
// The shape in which a rank holds it: as the full one, with the shared axis shortened.
std::vector<int64_t> LocalShape(const ParameterSpec& spec, const Shard& shard);
double LocalElements(const ParameterSpec& spec, const Shard& shard);

// Sums over a table, in elements.
double FullElements(const std::vector<ParameterSpec>& specs);  // owned or not
double RankElements(const std::vector<ParameterSpec>& specs, const Shard& shard);
// Whose gradients the ranks sum once per step.
int64_t PartialElements(const std::vector<ParameterSpec>& specs);

}  // namespace edgetp
