#include "worker/model/gpt.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/plan/memory_rules.h"
#include "worker/model/dropout.h"
#include "worker/model/gradient_buckets.h"
#include "worker/model/tensor_parallel_region.h"

namespace edgetp {
namespace {

// Longer passes never have whole attention weights.
int64_t MaskedPositions(const TrainerOptions& options) {
  const int64_t sequence = options.shape.sequence;
  return options.dropout > 0 ? sequence : std::min(sequence, kKeptWeightsSequence);
}

BlockParts PartsOf(const TrainerOptions& options, const ParameterStore& store,
                   ParallelContext* context, int layer, const torch::Tensor& mask) {
  auto value = [&](const char* name) { return store.Value(absl::StrCat("h.", layer, ".", name)); };
  DeferredProducts* const products = &context->products();
  const Precision precision = options.precision;
  BlockParts parts;
  parts.layer = layer;
  parts.place = options.pattern.blocks()[layer];
  parts.merge = options.merge;
  parts.context = context;
  parts.ln1 = {value("ln_1.weight"), value("ln_1.bias")};
  parts.ln2 = {value("ln_2.weight"), value("ln_2.bias")};
  parts.attention = {
      .layer = layer,
      .rank = context->rank(),
      .heads = context->shard().heads.size(),
      .head_size = options.shape.channels / options.shape.heads,
      .causal_mask = mask,
      .qkv = {value("attn.c_attn.weight"), value("attn.c_attn.bias"), products, precision},
      .projection = {value("attn.c_proj.weight"), products, precision}};
  parts.mlp = {.gelu = options.gelu,
               .expand = {value("mlp.c_fc.weight"), value("mlp.c_fc.bias"), products, precision},
               .projection = {value("mlp.c_proj.weight"), products, precision}};
  parts.attention_bias = value("attn.c_proj.bias");
  parts.mlp_bias = value("mlp.c_proj.bias");
  return parts;
}

}  // namespace

Gpt::Gpt(const TrainerOptions& options, const ParameterStore& store, ParallelContext* context)
    : context_(context),
      vocabulary_(options, store, context),
      regions_(RegionsOf(options.pattern)),
      groups_(options.overlap.GroupsOf(context->world_size())),
      recomputes_(options.recompute),
      final_norm_{store.Value("ln_f.weight"), store.Value("ln_f.bias")} {
  const torch::Tensor mask = CausalMask(MaskedPositions(options), store.values().device());
  for (int layer = 0; layer < options.shape.layers; ++layer) {
    blocks_.push_back(MakeBlock(PartsOf(options, store, context, layer, mask)));
  }
}

std::vector<RowGroup> Gpt::Embedded(const torch::Tensor& tokens, const ForwardPass& pass) const {
  const int count = pass.phase == Phase::kForward ? groups_ : 1;
  std::vector<RowGroup> groups;
  const auto masks = std::make_shared<DropoutMasks>();
  for (int i = 0; i < count; ++i) {
    const Range rows = RowsOfGroup(static_cast<int>(pass.batch), count, i);
    RowGroup group{pass};
    group.begin = rows.begin;
    if (count > 1) {
      group.pass.batch = rows.size();
      group.pass.first_row = rows.begin;
      group.pass.all_rows = pass.batch;
      group.pass.masks = masks;
    }
    const torch::Tensor embedded =
        vocabulary_.Embed(tokens.narrow(0, rows.begin, rows.size()), group.pass);
    group.stream.x = DropReplicated(embedded, group.pass, -1, DropoutSite::kEmbedding);
    groups.push_back(std::move(group));
  }
  return groups;
}

torch::Tensor Gpt::Hidden(const torch::Tensor& tokens, const ForwardPass& pass) const {
  std::vector<RowGroup> whole = Embedded(tokens, pass);
  RegionWalk walk(blocks_, regions_, context_, &whole, recomputes_);
  walk.Run();
  return final_norm_(walk.Complete(0));
}

torch::Tensor Gpt::Logits(const torch::Tensor& hidden, const ForwardPass& pass) const {
  return vocabulary_.Logits(hidden, pass);
}

torch::Tensor Gpt::Loss(const torch::Tensor& tokens, const torch::Tensor& targets,
                        const ForwardPass& pass) const {
  std::vector<RowGroup> groups = Embedded(tokens, pass);
  RegionWalk walk(blocks_, regions_, context_, &groups, recomputes_);
  walk.Run();
  torch::Tensor loss;
  for (size_t i = 0; i < groups.size(); ++i) {
    const double share =
        static_cast<double>(groups[i].pass.batch) / static_cast<double>(pass.batch);
    ForwardPass rows = groups[i].pass;
    rows.loss_gradient *= share;
    const torch::Tensor hidden = final_norm_(EnterStage(walk.Complete(i), rows.buckets));
    const torch::Tensor of_group =
        vocabulary_.Loss(hidden, targets.narrow(0, groups[i].begin, rows.batch), rows);
    if (groups.size() == 1) return of_group;
    loss = loss.defined() ? torch::add(loss, of_group, share) : of_group * share;
  }
  return loss;
}

}  // namespace edgetp
