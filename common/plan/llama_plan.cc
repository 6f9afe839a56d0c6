#include "common/plan/llama_plan.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/plan/work.h"

namespace edgetp {
namespace {

// Values that share a scale.
int64_t BlockValues(LlamaWeights weights) { return weights == LlamaWeights::kQ40 ? 32 : 1; }

double WeightBytes(LlamaWeights weights) {
  return weights == LlamaWeights::kQ40 ? 18.0 / BlockValues(weights) : kFloatBytes;
}

// A rank's even share, in heads of keys and values with the queries that each serves; the root
// alone has the vocabulary.
Shard ShardOf(const LlamaOptions& options, int rank) {
  const auto share = [&](int total) {
    const int each = total / options.world_size;
    return Range{rank * each, (rank + 1) * each};
  };
  return {share(options.shape.kv_heads), share(options.shape.hidden),
          Range{0, rank == 0 ? options.shape.vocabulary : 0}};
}

// What is read for each token: of the embedding, one row.
bool IsRead(const ParameterSpec& spec) { return spec.role != ParameterRole::kEmbedding; }

// Writes one rank's list. Products are matrix times vector: each weight is read once.
class LlamaPlanner {
 public:
  LlamaPlanner(const LlamaOptions& options, int rank)
      : sync_(options.sync),
        wire_(options.wire),
        weight_bytes_(WeightBytes(options.weights)),
        ranks_(options.world_size),
        rank_(rank),
        layers_(options.shape.layers),
        context_(options.context),
        C_(options.shape.channels),
        kv_(C_ / options.shape.heads * options.shape.kv_heads),
        hidden_(options.shape.hidden),
        V_(options.shape.vocabulary) {}

  std::vector<PlanStep> Steps() {
    for (layer_ = 0; layer_ < layers_; ++layer_) {
      sync_ == LlamaSync::kSlices ? LayerOfSlices() : LayerOfSums();
    }
    layer_ = -1;
    if (rank_ == 0) Product(C_ * V_);
    return std::move(steps_);
  }

 private:
  void LayerOfSlices() {
    Exchange(CollectiveKind::kBroadcast, C_);
    Product(C_ * (C_ + 2 * kv_) / ranks_);
    Exchange(CollectiveKind::kGather, C_);
    Exchange(CollectiveKind::kGather, kv_);
    Exchange(CollectiveKind::kGather, kv_);
    if (rank_ == 0) Attend(1);
    Exchange(CollectiveKind::kBroadcast, C_);
    Product(C_ * C_ / ranks_);
    Exchange(CollectiveKind::kGather, C_);
    Exchange(CollectiveKind::kBroadcast, C_);
    Product(2 * C_ * hidden_ / ranks_);
    Exchange(CollectiveKind::kGather, hidden_);
    Exchange(CollectiveKind::kBroadcastMissing, hidden_);
    Product(C_ * hidden_ / ranks_);
    Exchange(CollectiveKind::kGather, C_);
  }

  void LayerOfSums() {
    Product(C_ * (C_ + 2 * kv_) / ranks_);
    Attend(ranks_);
    Product(C_ * C_ / ranks_);
    Exchange(CollectiveKind::kAllReduce, C_);
    Product(3 * C_ * hidden_ / ranks_);
    Exchange(CollectiveKind::kAllReduce, C_);
  }

  void Product(double weights) {
    steps_.push_back(ComputeStep{Phase::kForward, layer_, 2 * weights, weight_bytes_ * weights});
  }

  // Scores and weighted sum over cached keys and values in float32, divided among `among` ranks.
  void Attend(int among) {
    const double cached = (context_ + 1.0) / among;
    steps_.push_back(
        ComputeStep{Phase::kForward, layer_, 4 * cached * C_, kFloatBytes * 2 * cached * kv_});
  }

  void Exchange(CollectiveKind kind, double values) {
    if (ranks_ == 1) return;
    const CollectiveTag tag{TrafficClass::kActivationForward, Phase::kForward, layer_};
    steps_.push_back(CollectiveStep{tag, static_cast<int64_t>(values), wire_, kind});
  }

  const LlamaSync sync_;
  const WireFormat wire_;
  const double weight_bytes_;
  const int ranks_;
  const int rank_;
  const int layers_;
  const int context_;
  const double C_;
  const double kv_;  // width of keys and values
  const double hidden_;
  const double V_;
  int layer_ = 0;
  std::vector<PlanStep> steps_;
};

absl::Status MustDivide(const char* what, int64_t value, int64_t by, const std::string& rule) {
  if (value % by == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("llama plan: ", what, "=", value, ": ", rule, " (", by, ")"));
}

absl::Status CheckLlama(const LlamaOptions& options) {
  const LlamaShape& shape = options.shape;
  const std::pair<const char*, int> sizes[] = {
      {"layers", shape.layers},          {"heads", shape.heads},   {"kv_heads", shape.kv_heads},
      {"channels", shape.channels},      {"hidden", shape.hidden}, {"vocabulary", shape.vocabulary},
      {"world_size", options.world_size}};
  for (const auto& [name, value] : sizes) {
    if (value >= 1) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("llama plan: ", name, "=", value, ": must be at least 1"));
  }
  if (options.context < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("llama plan: context=", options.context, ": must be at least 0"));
  }
  RETURN_IF_ERROR(MustDivide("channels", shape.channels, shape.heads, "a multiple of the heads"));
  RETURN_IF_ERROR(MustDivide("heads", shape.heads, shape.kv_heads, "a multiple of kv_heads"));
  RETURN_IF_ERROR(MustDivide("kv_heads", shape.kv_heads, options.world_size,
                             "every rank must own as many: a multiple of the ranks"));
  const int64_t block = std::max(BlockValues(options.weights), options.wire.granule());
  const int64_t blocks = block * options.world_size;
  const std::string rule =
      absl::StrCat("a rank's slice must be whole blocks of ", block, ": a multiple of");
  RETURN_IF_ERROR(MustDivide("channels", shape.channels, blocks, rule));
  RETURN_IF_ERROR(MustDivide("channels / heads * kv_heads",
                             shape.channels / shape.heads * shape.kv_heads, blocks, rule));
  return MustDivide("hidden", shape.hidden, blocks, rule);
}

}  // namespace

std::vector<ParameterSpec> LlamaParameters(const LlamaShape& shape, LlamaWeights weights) {
  const int64_t C = shape.channels, head = C / shape.heads, kv = head * shape.kv_heads;
  const int64_t queries = C / shape.kv_heads;  // of the heads that one of keys and values serves
  std::vector<ParameterSpec> specs;
  const auto add = [&](const std::string& name, std::vector<int64_t> sizes, ParameterSplit split,
                       int64_t unit, ParameterRole role, double element_bytes) {
    specs.push_back({.name = name,
                     .full_shape = std::move(sizes),
                     .split = split,
                     .unit = unit,
                     .role = role,
                     .element_bytes = element_bytes});
  };
  const auto weight = [&](const std::string& name, std::vector<int64_t> sizes, ParameterSplit split,
                          int64_t unit) {
    add(name, std::move(sizes), split, unit, ParameterRole::kLinearWeight, WeightBytes(weights));
  };
  add("tok_embeddings", {shape.vocabulary, C}, ParameterSplit::kVocabularyRows, 1, ParameterRole::kEmbedding,
      kFloatBytes);
  for (int layer = 0; layer < shape.layers; ++layer) {
    const std::string block = absl::StrCat("layers.", layer, ".");
    weight(block + "attention.wq", {C, C}, ParameterSplit::kHeadColumns, queries);
    weight(block + "attention.wk", {C, kv}, ParameterSplit::kHeadColumns, head);
    weight(block + "attention.wv", {C, kv}, ParameterSplit::kHeadColumns, head);
    weight(block + "attention.wo", {C, C}, ParameterSplit::kHeadRows, queries);
    weight(block + "feed_forward.w1", {C, shape.hidden}, ParameterSplit::kColumns, 1);
    weight(block + "feed_forward.w3", {C, shape.hidden}, ParameterSplit::kColumns, 1);
    weight(block + "feed_forward.w2", {shape.hidden, C}, ParameterSplit::kColumnRows, 1);
  }
  add("output", {shape.vocabulary, C}, ParameterSplit::kVocabularyRows, 1, ParameterRole::kHead,
      WeightBytes(weights));
  return specs;
}

absl::StatusOr<StepPlan> BuildLlamaPlan(const LlamaOptions& options) {
  RETURN_IF_ERROR(CheckLlama(options));
  const std::vector<ParameterSpec> parameters = LlamaParameters(options.shape, options.weights);
  StepPlan plan;
  plan.world_size = options.world_size;
  for (int rank = 0; rank < options.world_size; ++rank) {
    plan.steps.push_back(LlamaPlanner(options, rank).Steps());
    double weights = 0, bytes = 0;
    for (const ParameterSpec& spec : parameters) {
      const double elements = LocalElements(spec, ShardOf(options, rank));
      if (IsRead(spec)) weights += elements;
      bytes += spec.element_bytes * elements;
    }
    plan.parameters.push_back(weights);
    plan.memory.push_back({.parameters_bytes = bytes});
    plan.total_parameters += weights;
  }
  return plan;
}

}  // namespace edgetp
