#include "worker/model/gpt.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/model/dropout.h"
#include "worker/model/tensor_parallel_region.h"

namespace edgetp {
namespace {

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
    : context_(context),
      vocabulary_(store, context, options.shape.vocabulary, options.vocabulary_parallel),
      final_norm_{store.Value("ln_f.weight"), store.Value("ln_f.bias")} {
  const torch::Tensor mask = CausalMask(options.shape.sequence, store.values().device());
  for (int layer = 0; layer < options.shape.layers; ++layer) {
    const PatternBlock& place = options.pattern.blocks()[layer];
    blocks_.push_back({.block = MakeBlock(PartsOf(options, store, context, layer, mask)),
                       .layer = layer,
                       .stages = StagesOf(place),
                       .slack = static_cast<size_t>(SlackOf(place)),
                       .begins_run = place.first_of_run,
                       .ends_run = place.last_of_run});
  }
}

torch::Tensor Gpt::Hidden(const torch::Tensor& tokens, const ForwardPass& pass) const {
  ResidualStream stream;
  stream.x = DropReplicated(vocabulary_.Embed(tokens, pass), pass, -1, DropoutSite::kEmbedding);
  std::deque<LateStage> late;
  for (const PlacedBlock& block : blocks_) {
    if (block.begins_run) stream.late_gradients.BeginRun(block.slack);
    for (const Stage& stage : block.stages) {
      RunStage(block, stage.part, pass, stream, late);
      TakeIn(block.slack, pass, stream, late);
    }
    if (block.ends_run) TakeIn(0, pass, stream, late);
  }
  return final_norm_(stream.x);
}

void Gpt::RunStage(const PlacedBlock& placed, StagePart part, const ForwardPass& pass,
                   ResidualStream& stream, std::deque<LateStage>& late) const {
  torch::Tensor partial = placed.block->Compute(part, stream, pass);
  if (!partial.defined()) return;
  if (placed.slack == 0) {
    const torch::Tensor sum = ReduceFromRegion(std::move(partial), *context_, pass, placed.layer);
    placed.block->Finish(part, stream, sum, pass);
  } else {
    late.push_back({placed.block.get(), part,
                    StartReduce(std::move(partial), *context_, pass, placed.layer)});
  }
}

void Gpt::TakeIn(size_t keep, const ForwardPass& pass, ResidualStream& stream,
                 std::deque<LateStage>& late) {
  for (; late.size() > keep; late.pop_front()) {
    LateStage& oldest = late.front();
    oldest.block->Finish(oldest.part, stream, oldest.sum->Finish(), pass);
  }
}

torch::Tensor Gpt::Logits(const torch::Tensor& hidden, const ForwardPass& pass) const {
  return vocabulary_.Logits(hidden, pass);
}

torch::Tensor Gpt::Loss(const torch::Tensor& tokens, const torch::Tensor& targets,
                        const ForwardPass& pass) const {
  return vocabulary_.Loss(Hidden(tokens, pass), targets, pass);
}

}  // namespace edgetp
