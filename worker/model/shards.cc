#include "worker/model/shards.h"

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

// Collects the tensors of one model in order.
class SpecList {
 public:
  SpecList(const ModelShape& shape, const Pattern& pattern)
      : C_(shape.channels), biases_(shape.biases), blocks_(pattern.blocks()) {}

  void Embedding(const std::string& name, int64_t rows) {
    specs_.push_back({.name = name, .full_shape = {rows, C_}, .role = Role::kEmbedding});
  }

  void Norm(const std::string& name, bool partial) {
    specs_.push_back({.name = name + ".weight",
                      .full_shape = {C_},
                      .role = Role::kNormWeight,
                      .partial_gradient = partial});
    if (!biases_) return;
    specs_.push_back({.name = name + ".bias",
                      .full_shape = {C_},
                      .role = Role::kNormBias,
                      .partial_gradient = partial});
  }

  // A column-parallel linear: weight and bias are both cut.
  void Column(const std::string& name, int64_t out, Split split) {
    specs_.push_back({name + ".weight", {C_, out}, split, Role::kLinearWeight, C_});
    if (biases_) specs_.push_back({name + ".bias", {out}, split, Role::kLinearBias, C_});
  }

  // A row-parallel linear: its bias is added after the sum and so replicated.
  void Row(const std::string& name, int64_t in, Split split, bool has_bias, bool partial_bias) {
    specs_.push_back({name + ".weight", {in, C_}, split, Role::kResidualWeight, in});
    if (!biases_ || !has_bias) return;
    specs_.push_back(
        {name + ".bias", {C_}, Split::kReplicated, Role::kLinearBias, in, partial_bias});
  }

  void Block(int layer) {
    const BlockTraits& traits = TraitsOf(blocks_[layer].kind);
    const bool has_bias = traits.output_biases;
    const std::string prefix = absl::StrCat("h.", layer, ".");
    Norm(prefix + "ln_1", traits.partial_norms);
    Column(prefix + "attn.c_attn", 3 * C_, Split::kQkv);
    Row(prefix + "attn.c_proj", C_, Split::kHeadRows, has_bias, traits.partial_attention_bias);
    if (traits.second_norm) Norm(prefix + "ln_2", traits.partial_norms);
    Column(prefix + "mlp.c_fc", 4 * C_, Split::kColumns);
    Row(prefix + "mlp.c_proj", 4 * C_, Split::kColumnRows, has_bias, traits.partial_mlp_bias);
  }

  std::vector<ParameterSpec> Take() { return std::move(specs_); }

 private:
  const int64_t C_;
  const bool biases_;
  const std::vector<PatternBlock>& blocks_;
  std::vector<ParameterSpec> specs_;
};

}  // namespace

std::vector<ParameterSpec> ListParameters(const ModelShape& shape, const Pattern& pattern) {
  SpecList list(shape, pattern);
  list.Embedding("wte.weight", shape.vocabulary);
  list.Embedding("wpe.weight", shape.sequence);
  for (int layer = 0; layer < shape.layers; ++layer) list.Block(layer);
  list.Norm("ln_f", false);
  return list.Take();
}

std::vector<ParameterSpec> ListUnused(const ModelShape& shape, const Pattern& pattern) {
  std::vector<ParameterSpec> specs;
  for (int layer = 0; layer < shape.layers; ++layer) {
    const BlockTraits& traits = TraitsOf(pattern.blocks()[layer].kind);
    auto add = [&](const char* name, Role role) {
      specs.push_back({.name = absl::StrCat("h.", layer, name),
                       .full_shape = {shape.channels},
                       .role = role});
    };
    if (shape.biases && !traits.output_biases) {
      add(".attn.c_proj.bias", Role::kLinearBias);
      add(".mlp.c_proj.bias", Role::kLinearBias);
    }
    if (!traits.second_norm) add(".ln_2.weight", Role::kNormWeight);
    if (!traits.second_norm && shape.biases) add(".ln_2.bias", Role::kNormBias);
  }
  return specs;
}

torch::Tensor ShardView(const torch::Tensor& full, Split split, const ModelShape& shape,
                        const Shard& shard) {
  const int64_t head_size = shape.channels / shape.heads;
  switch (split) {
    case Split::kReplicated:
      break;
    case Split::kQkv: {
      std::vector<int64_t> sizes = full.sizes().vec();
      sizes.back() = 3;
      sizes.insert(sizes.end(), {shape.heads, head_size});
      return full.view(sizes).narrow(-2, shard.heads.begin, shard.heads.size());
    }
    case Split::kHeadRows:
      return full.narrow(0, shard.heads.begin * head_size, shard.heads.size() * head_size);
    case Split::kColumns:
      return full.narrow(-1, shard.columns.begin, shard.columns.size());
    case Split::kColumnRows:
      return full.narrow(0, shard.columns.begin, shard.columns.size());
  }
  return full;
}

std::vector<int64_t> LocalShape(const ParameterSpec& spec, const ModelShape& shape,
                                const Shard& shard) {
  const int64_t width = int64_t{shard.heads.size()} * (shape.channels / shape.heads);
  std::vector<int64_t> sizes = spec.full_shape;
  switch (spec.split) {
    case Split::kReplicated:
      break;
    case Split::kQkv:
      sizes.back() = 3 * width;
      break;
    case Split::kHeadRows:
      sizes.front() = width;
      break;
    case Split::kColumns:
      sizes.back() = shard.columns.size();
      break;
    case Split::kColumnRows:
      sizes.front() = shard.columns.size();
      break;
  }
  return sizes;
}

}  // namespace edgetp
