#include "common/plan/parameters.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

enum class Axis { kNone, kFirst, kLast };

struct SplitRow {
  ParameterSplit split;
  Axis axis;
  Range Shard::*share;  // null: everything
};

constexpr SplitRow kSplits[] = {
    {ParameterSplit::kReplicated, Axis::kNone, nullptr},
    {ParameterSplit::kQkv, Axis::kLast, &Shard::heads},
    {ParameterSplit::kHeadColumns, Axis::kLast, &Shard::heads},
    {ParameterSplit::kHeadRows, Axis::kFirst, &Shard::heads},
    {ParameterSplit::kColumns, Axis::kLast, &Shard::columns},
    {ParameterSplit::kColumnRows, Axis::kFirst, &Shard::columns},
    {ParameterSplit::kVocabularyRows, Axis::kFirst, &Shard::vocabulary},
};

const SplitRow& RowOf(ParameterSplit split) {
  for (const SplitRow& row : kSplits) {
    if (row.split == split) return row;
  }
  return kSplits[0];  // every split has a row
}

// Collects the tensors of a GPT-2 in order.
class Gpt2Table {
 public:
  Gpt2Table(const ModelShape& shape, bool vocabulary_parallel)
      : shape_(shape),
        C_(shape.channels),
        head_size_(shape.heads > 0 ? shape.channels / shape.heads : 0),
        vocabulary_(vocabulary_parallel ? ParameterSplit::kVocabularyRows : ParameterSplit::kReplicated) {}

  void Embeddings() {
    Add({.name = "wte.weight", .full_shape = {shape_.vocabulary, C_}, .split = vocabulary_});
    Add({.name = "wpe.weight", .full_shape = {shape_.sequence, C_}});
  }

  void Block(int layer, const BlockTraits& traits) {
    const std::string prefix = absl::StrCat("h.", layer, ".");
    const bool partial = traits.partial_norms;
    ++stage_;
    Norm(prefix + "ln_1", partial, true);
    Column(prefix + "attn.c_attn", 3 * C_, ParameterSplit::kQkv, 3 * head_size_);
    Row(prefix + "attn.c_proj", C_, ParameterSplit::kHeadRows, head_size_, traits,
        traits.partial_attention_bias);
    ++stage_;
    Norm(prefix + "ln_2", partial, traits.second_norm);
    Column(prefix + "mlp.c_fc", 4 * C_, ParameterSplit::kColumns, 1);
    Row(prefix + "mlp.c_proj", 4 * C_, ParameterSplit::kColumnRows, 1, traits, traits.partial_mlp_bias);
  }

  void Head() {
    ++stage_;
    Norm("ln_f", false, true);
    if (shape_.tied_head) return;
    Add({.name = "lm_head.weight",
         .full_shape = {shape_.vocabulary, C_},
         .split = vocabulary_,
         .role = ParameterRole::kHead,
         .fan_in = C_});
  }

  std::vector<ParameterSpec> Take() { return std::move(specs_); }

 private:
  void Add(ParameterSpec spec) {
    spec.stage = stage_;
    specs_.push_back(std::move(spec));
  }

  void Norm(const std::string& name, bool partial, bool owned) {
    Add({.name = name + ".weight",
         .full_shape = {C_},
         .role = ParameterRole::kNormWeight,
         .partial_gradient = partial,
         .owned = owned});
    if (!shape_.biases) return;
    Add({.name = name + ".bias",
         .full_shape = {C_},
         .role = ParameterRole::kNormBias,
         .partial_gradient = partial,
         .owned = owned});
  }

  // A column-parallel linear: weight and bias are both cut.
  void Column(const std::string& name, int64_t out, ParameterSplit split, int64_t unit) {
    Add({.name = name + ".weight",
         .full_shape = {C_, out},
         .split = split,
         .unit = unit,
         .role = ParameterRole::kLinearWeight,
         .fan_in = C_});
    if (!shape_.biases) return;
    Add({.name = name + ".bias",
         .full_shape = {out},
         .split = split,
         .unit = unit,
         .role = ParameterRole::kLinearBias,
         .fan_in = C_});
  }

  // A row-parallel linear: its bias is added after the sum and so replicated.
  void Row(const std::string& name, int64_t in, ParameterSplit split, int64_t unit,
           const BlockTraits& traits, bool partial_bias) {
    Add({.name = name + ".weight",
         .full_shape = {in, C_},
         .split = split,
         .unit = unit,
         .role = ParameterRole::kResidualWeight,
         .fan_in = in});
    if (!shape_.biases) return;
    Add({.name = name + ".bias",
         .full_shape = {C_},
         .role = ParameterRole::kLinearBias,
         .fan_in = in,
         .partial_gradient = partial_bias,
         .owned = traits.output_biases});
  }

  const ModelShape shape_;
  const int64_t C_;
  const int64_t head_size_;
  const ParameterSplit vocabulary_;
  int stage_ = 0;
  std::vector<ParameterSpec> specs_;
};

double Product(const std::vector<int64_t>& sizes) {
  double product = 1;
  for (const int64_t size : sizes) product *= static_cast<double>(size);
  return product;
}

}  // namespace

double ParameterSpec::elements() const { return Product(full_shape); }

std::vector<ParameterSpec> Gpt2Parameters(const ModelShape& shape, const Pattern& pattern,
                                          bool vocabulary_parallel) {
  Gpt2Table table(shape, vocabulary_parallel);
  table.Embeddings();
  for (int layer = 0; layer < shape.layers; ++layer)
    table.Block(layer, TraitsOf(pattern.blocks()[layer].kind));
  table.Head();
  return table.Take();
}

std::vector<ParameterSpec> Gpt2Parameters(const ModelShape& shape) {
  Gpt2Table table(shape, /*vocabulary_parallel=*/false);
  table.Embeddings();
  for (int layer = 0; layer < shape.layers; ++layer)
    table.Block(layer, TraitsOf(BlockKind::kTensorParallel));
  table.Head();
  return table.Take();
}

std::vector<ParameterSpec> Replicated(std::vector<ParameterSpec> specs) {
  for (ParameterSpec& spec : specs) {
    spec.split = ParameterSplit::kReplicated;
    spec.partial_gradient = false;
  }
  return specs;
}

int SharedAxis(const ParameterSpec& spec) {
  switch (RowOf(spec.split).axis) {
    case Axis::kFirst:
      return 0;
    case Axis::kLast:
      return static_cast<int>(spec.full_shape.size()) - 1;
    case Axis::kNone:
      break;
  }
  return -1;
}

Range ShareOf(const ParameterSpec& spec, const Shard& shard) {
  const auto share = RowOf(spec.split).share;
  return share == nullptr ? Range() : shard.*share;
}

std::vector<int64_t> LocalShape(const ParameterSpec& spec, const Shard& shard) {
  std::vector<int64_t> sizes = spec.full_shape;
  if (spec.sharded()) sizes[SharedAxis(spec)] = spec.unit * ShareOf(spec, shard).size();
  return sizes;
}

double LocalElements(const ParameterSpec& spec, const Shard& shard) {
  if (!spec.sharded()) return spec.elements();
  // The other axis is whole.
  const auto axis = static_cast<double>(spec.full_shape[SharedAxis(spec)]);
  return spec.elements() / axis * static_cast<double>(spec.unit) * ShareOf(spec, shard).size();
}

double FullElements(const std::vector<ParameterSpec>& specs) {
  double sum = 0;
  for (const ParameterSpec& spec : specs) sum += spec.elements();
  return sum;
}

double RankElements(const std::vector<ParameterSpec>& specs, const Shard& shard) {
  double sum = 0;
  for (const ParameterSpec& spec : specs) {
    if (spec.owned) sum += LocalElements(spec, shard);
  }
  return sum;
}

int64_t PartialElements(const std::vector<ParameterSpec>& specs) {
  int64_t sum = 0;
  for (const ParameterSpec& spec : specs) {
    if (spec.owned && spec.partial_gradient) sum += static_cast<int64_t>(spec.elements());
  }
  return sum;
}

}  // namespace edgetp
