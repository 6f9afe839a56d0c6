#include "worker/model/gpt.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/model/dropout.h"

namespace edgetp {
namespace {

struct BlockRow {
  BlockKind kind;
  std::unique_ptr<Block> (*make)(BlockParts);
};

// One row per letter of a pattern.
constexpr BlockRow kBlockRows[] = {
    {BlockKind::kTensorParallel, &MakeBlockT},
    {BlockKind::kSyncDrop, &MakeBlockS},
    {BlockKind::kParallel, &MakeBlockP},
};

std::unique_ptr<Block> MakeBlock(BlockKind kind, BlockParts parts) {
  for (const BlockRow& row : kBlockRows) {
    if (row.kind == kind) return row.make(std::move(parts));
  }
  throw std::logic_error("a block letter without a row in gpt.cc");
}

torch::Tensor CausalMask(int64_t length, const torch::Device& device) {
  const auto options = torch::TensorOptions().dtype(torch::kFloat).device(device);
  return torch::full({length, length}, -std::numeric_limits<float>::infinity(), options).triu(1);
}

BlockParts PartsOf(const TrainerOptions& options, const ParameterStore& store,
                   ParallelContext* context, int layer, const torch::Tensor& mask) {
  auto value = [&](const char* name) { return store.Value(absl::StrCat("h.", layer, ".", name)); };
  BlockParts parts;
  parts.layer = layer;
  parts.place = options.pattern.blocks()[layer];
  parts.merge = options.merge;
  parts.context = context;
  parts.ln1 = {value("ln_1.weight"), value("ln_1.bias")};
  parts.ln2 = {value("ln_2.weight"), value("ln_2.bias")};
  parts.attention = {.layer = layer,
                     .rank = context->rank(),
                     .heads = context->shard().heads.size(),
                     .head_size = options.shape.channels / options.shape.heads,
                     .causal_mask = mask,
                     .qkv = {value("attn.c_attn.weight"), value("attn.c_attn.bias")},
                     .projection = {value("attn.c_proj.weight")}};
  parts.mlp = {.gelu = options.gelu,
               .expand = {value("mlp.c_fc.weight"), value("mlp.c_fc.bias")},
               .projection = {value("mlp.c_proj.weight")}};
  parts.attention_bias = value("attn.c_proj.bias");
  parts.mlp_bias = value("mlp.c_proj.bias");
  return parts;
}

}  // namespace

Gpt::Gpt(const TrainerOptions& options, const ParameterStore& store, ParallelContext* context)
    : vocabulary_(store, context, options.shape.vocabulary, options.vocabulary_parallel),
      final_norm_{store.Value("ln_f.weight"), store.Value("ln_f.bias")} {
  const torch::Tensor mask = CausalMask(options.shape.sequence, store.values().device());
  for (int layer = 0; layer < options.shape.layers; ++layer) {
    const BlockKind kind = options.pattern.blocks()[layer].kind;
    blocks_.push_back(MakeBlock(kind, PartsOf(options, store, context, layer, mask)));
  }
}

torch::Tensor Gpt::Hidden(const torch::Tensor& tokens, const ForwardPass& pass) const {
  ResidualStream stream;
  stream.x = DropReplicated(vocabulary_.Embed(tokens, pass), pass, -1, DropoutSite::kEmbedding);
  for (const auto& block : blocks_) block->Forward(stream, pass);
  return final_norm_(stream.x);
}

torch::Tensor Gpt::Logits(const torch::Tensor& hidden, const ForwardPass& pass) const {
  return vocabulary_.Logits(hidden, pass);
}

torch::Tensor Gpt::Loss(const torch::Tensor& tokens, const torch::Tensor& targets,
                        const ForwardPass& pass) const {
  return vocabulary_.Loss(Hidden(tokens, pass), targets, pass);
}

}  // namespace edgetp
