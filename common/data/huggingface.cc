#include "common/data/huggingface.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/data/gpt2_weights.h"
#include "common/plan/parameters.h"

namespace edgetp {
namespace {

constexpr char kPrefix[] = "transformer.";
// In GPT-2's own vocabulary: the token that ends a text.
constexpr int kEndOfText = 50256;
// The model's (worker/model/layer_norm.h).
constexpr double kLayerNormEpsilon = 1e-5;

absl::Status FillZeros(int64_t, absl::Span<float> out) {
  std::fill(out.begin(), out.end(), 0.0f);
  return absl::OkStatus();
}

}  // namespace

StoredFile ForHuggingFace(const StoredGpt2& model, std::map<std::string, std::string> metadata) {
  metadata["format"] = "pt";
  StoredFile file{.metadata = std::move(metadata)};
  ModelShape shape = model.shape;
  shape.biases = true;
  for (const ParameterSpec& spec : Gpt2Parameters(shape)) {
    const auto found =
        std::find_if(model.tensors.begin(), model.tensors.end(),
                     [&](const StoredTensor& tensor) { return tensor.name == spec.name; });
    StoredTensor tensor{{spec.name, spec.full_shape}, &FillZeros};
    if (found != model.tensors.end()) tensor.read = found->read;
    if (spec.name != kHeadName) tensor.name = kPrefix + spec.name;
    file.tensors.push_back(std::move(tensor));
  }
  return file;
}

std::string HuggingFaceConfig(const StoredGpt2& model, const std::string& dtype) {
  const ModelShape& shape = model.shape;
  nlohmann::ordered_json config = {
      {"architectures", nlohmann::ordered_json::array({"GPT2LMHeadModel"})},
      {"model_type", "gpt2"},
      {"activation_function", model.gelu_tanh ? "gelu_new" : "gelu"},
      {"layer_norm_epsilon", kLayerNormEpsilon},
      {"n_layer", shape.layers},
      {"n_head", shape.heads},
      {"n_embd", shape.channels},
      {"n_positions", shape.sequence},
      {"vocab_size", shape.vocabulary},
      {"tie_word_embeddings", shape.tied_head},
      {"torch_dtype", dtype}};
  // The loader's default is this token, whatever the vocabulary.
  for (const char* key : {"bos_token_id", "eos_token_id"}) {
    config[key] = nullptr;
    if (shape.vocabulary > kEndOfText) config[key] = kEndOfText;
  }
  return config.dump(2) + "\n";
}

}  // namespace edgetp
