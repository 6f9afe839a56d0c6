// The list of a GPT's parameters and how each is cut: one description for initialisation, import,
// export and checks. Pure but for tensor views.
#pragma once

#include <string>
#include <vector>

#include "common/plan/model_shape.h"
#include "common/plan/pattern.h"
#include "common/plan/shard_map.h"
#include "worker/model/torch.h"

namespace edgetp {

// Along which axis ranks share a tensor. Linears are (in, out).
enum class Split {
  kReplicated,
  kQkv,       // last axis, 3C: the rank's heads of q, of k and of v; never a cut of the stacked 3C
  kHeadRows,  // axis 0, C: the rank's heads
  kColumns,   // last axis, 4C: the rank's MLP columns
  kColumnRows,  // axis 0, 4C: the rank's MLP columns
};

// What initialisation needs to know of a tensor.
enum class Role { kEmbedding, kNormWeight, kNormBias, kLinearWeight, kResidualWeight, kLinearBias };

struct ParameterSpec {
  std::string name;  // GPT-2's
  std::vector<int64_t> full_shape;
  Split split = Split::kReplicated;
  Role role = Role::kEmbedding;
  int64_t fan_in = 0;             // of the linear that it belongs to; 0 elsewhere
  bool partial_gradient = false;  // replicated, but each rank sees only part of its gradient

  bool sharded() const { return split != Split::kReplicated; }
  bool decays() const { return full_shape.size() >= 2; }
};

// All parameters of the model in GPT-2's order, those that a block's kind has not (BlockTraits) left
// out.
std::vector<ParameterSpec> ListParameters(const ModelShape& shape, const Pattern& pattern);

// What GPT-2 has and this pattern's blocks do not: output biases or a second norm. Written as
// zeros, a norm's weight as ones, and ignored when read, so that a weight file fits every pattern.
std::vector<ParameterSpec> ListUnused(const ModelShape& shape, const Pattern& pattern);

// The part of a full tensor that a rank owns, as a view of it. For kQkv its last axis is split in
// (3, H/P, D).
torch::Tensor ShardView(const torch::Tensor& full, Split split, const ModelShape& shape,
                        const Shard& shard);

// The shape in which a rank holds it: as the full one, with the sharded axis shortened.
std::vector<int64_t> LocalShape(const ParameterSpec& spec, const ModelShape& shape,
                                const Shard& shard);

}  // namespace edgetp
