#include "common/data/gpt2_weights.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "common/plan/parameters.h"

namespace edgetp {
namespace {

constexpr char kVocabularyKey[] = "edgetp.vocabulary";

// In this order: torch.compile wraps the model, the model holds a transformer.
constexpr const char* kPrefixes[] = {"_orig_mod.", "transformer."};
constexpr char kEmbeddingName[] = "wte.weight";
constexpr char kHeadsKey[] = "edgetp.heads";
constexpr char kGeluKey[] = "edgetp.gelu";
constexpr char kLayoutKey[] = "edgetp.linear_layout";
constexpr int kHeadSize = 64;  // of every published GPT-2
// Far beyond every model: keeps the shape's int fields safe.
constexpr int64_t kMaxDimension = 1 << 24;

using TensorMap = std::map<std::string, StoredTensor>;

absl::Status Invalid(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("read weights: ", what));
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// Buffers of published files that are no parameters: the causal mask and its fill value.
bool IsMask(const std::string& name) {
  return absl::EndsWith(name, ".attn.bias") || absl::EndsWith(name, ".attn.masked_bias");
}

bool IsLinear(const std::string& name) {
  return absl::StartsWith(name, "h.") && absl::EndsWith(name, ".weight") &&
         !absl::StrContains(name, ".ln_");
}

std::string CanonicalName(std::string name) {
  for (const char* prefix : kPrefixes) name = std::string(absl::StripPrefix(name, prefix));
  return name;
}

absl::StatusOr<TensorMap> ByCanonicalName(std::vector<StoredTensor> tensors) {
  TensorMap map;
  for (StoredTensor& tensor : tensors) {
    std::string name = CanonicalName(tensor.name);
    if (IsMask(name)) continue;
    tensor.name = name;
    if (!map.emplace(name, std::move(tensor)).second) {
      return Invalid(absl::StrCat("tensor ", name, " is there twice, with and without the prefix ",
                                  absl::StrJoin(kPrefixes, " or ")));
    }
  }
  return map;
}

// Quantized weights are no weights that could be trained on.
absl::Status CheckOthers(const std::vector<OtherTensor>& others) {
  for (const OtherTensor& other : others) {
    if (IsMask(CanonicalName(other.name))) continue;
    return Invalid(absl::StrCat("tensor ", other.name, " has dtype ", other.dtype,
                                ": weights are F32, F16, BF16 or F64"));
  }
  return absl::OkStatus();
}

// A head that is the embedding once more is no tensor of its own.
absl::Status DropTiedHead(TensorMap* map) {
  const auto head = map->find(kHeadName), wte = map->find(kEmbeddingName);
  if (head == map->end() || wte == map->end()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool tied, AreEqual(wte->second, head->second));
  if (tied) map->erase(head);
  return absl::OkStatus();
}

absl::StatusOr<const StoredTensor*> Matrix(const TensorMap& map, const std::string& name) {
  const auto found = map.find(name);
  if (found == map.end()) return Invalid(absl::StrCat("tensor ", name, " is missing"));
  const std::vector<int64_t>& shape = found->second.shape;
  const bool good = shape.size() == 2 && std::all_of(shape.begin(), shape.end(), [](int64_t n) {
                      return n >= 1 && n <= kMaxDimension;
                    });
  if (!good)
    return Invalid(
        absl::StrCat("tensor ", name, " has shape ", ShapeText(shape), ": must be a matrix"));
  return &found->second;
}

absl::StatusOr<int> HeadsOf(const std::map<std::string, std::string>& metadata, int channels) {
  const auto found = metadata.find(kHeadsKey);
  if (found == metadata.end()) return channels % kHeadSize == 0 ? channels / kHeadSize : 0;
  int heads = 0;
  if (absl::SimpleAtoi(found->second, &heads) && heads >= 1 && channels % heads == 0) return heads;
  return Invalid(absl::StrCat("metadata ", kHeadsKey, "=", found->second,
                              ": must divide channels=", channels));
}

absl::StatusOr<ModelShape> ShapeOf(const TensorMap& map,
                                   const std::map<std::string, std::string>& metadata) {
  ASSIGN_OR_RETURN(const StoredTensor* wte, Matrix(map, kEmbeddingName));
  ASSIGN_OR_RETURN(const StoredTensor* wpe, Matrix(map, "wpe.weight"));
  ModelShape shape;
  shape.vocabulary = static_cast<int>(wte->shape[0]);
  shape.channels = static_cast<int>(wte->shape[1]);
  shape.sequence = static_cast<int>(wpe->shape[0]);
  while (map.count(absl::StrCat("h.", shape.layers, ".ln_1.weight")) > 0) ++shape.layers;
  if (shape.layers == 0) return Invalid("tensor h.0.ln_1.weight is missing");
  shape.biases = map.count("ln_f.bias") > 0;
  shape.tied_head = map.count(kHeadName) == 0;
  ASSIGN_OR_RETURN(shape.heads, HeadsOf(metadata, shape.channels));
  return shape;
}

// One of two words of the metadata; absent: the first.
absl::StatusOr<bool> IsSecondWord(const std::map<std::string, std::string>& metadata,
                                  const char* key, const char* first, const char* second) {
  const auto found = metadata.find(key);
  if (found == metadata.end() || found->second == first) return false;
  if (found->second == second) return true;
  return Invalid(
      absl::StrCat("metadata ", key, "=", found->second, ": must be ", first, " or ", second));
}

// Whether linears are (out, in): what the metadata says, else what the first c_attn.weight shows.
absl::StatusOr<bool> IsOutIn(const std::map<std::string, std::string>& metadata,
                             const TensorMap& map) {
  if (metadata.count(kLayoutKey) > 0) return IsSecondWord(metadata, kLayoutKey, "in_out", "out_in");
  const auto first = map.find("h.0.attn.c_attn.weight");
  if (first == map.end() || first->second.shape.size() != 2) return false;
  return first->second.shape[0] == 3 * first->second.shape[1];
}

// Takes exactly the tensors of the model out of `map`.
absl::StatusOr<std::vector<StoredTensor>> TakeAll(const ModelShape& shape, bool out_in,
                                                  TensorMap map) {
  std::vector<StoredTensor> tensors;
  for (const NamedTensor& wanted : Gpt2TensorShapes(shape)) {
    const auto found = map.find(wanted.name);
    if (found == map.end()) return Invalid(absl::StrCat("tensor ", wanted.name, " is missing"));
    StoredTensor tensor = std::move(found->second);
    map.erase(found);
    if (out_in && IsLinear(tensor.name) && tensor.shape.size() == 2)
      tensor = Transposed(std::move(tensor));
    if (tensor.shape != wanted.shape) {
      return Invalid(absl::StrCat("tensor ", tensor.name, " has shape ", ShapeText(tensor.shape),
                                  ", but ", ShapeText(wanted.shape),
                                  " as (in, out) follows from wte and wpe (linears are read as ",
                                  out_in ? "(out, in)" : "(in, out)", "; metadata ", kLayoutKey,
                                  " says another layout: in_out or out_in)"));
    }
    tensors.push_back(std::move(tensor));
  }
  if (!map.empty())
    return Invalid(absl::StrCat("tensor ", map.begin()->first, " is not part of a GPT-2"));
  return tensors;
}

}  // namespace

absl::StatusOr<StoredGpt2> OpenGpt2Weights(StoredFile file) {
  RETURN_IF_ERROR(CheckOthers(file.others));
  ASSIGN_OR_RETURN(TensorMap map, ByCanonicalName(std::move(file.tensors)));
  RETURN_IF_ERROR(DropTiedHead(&map));
  StoredGpt2 weights;
  ASSIGN_OR_RETURN(weights.shape, ShapeOf(map, file.metadata));
  ASSIGN_OR_RETURN(const bool erf, IsSecondWord(file.metadata, kGeluKey, "tanh", "erf"));
  ASSIGN_OR_RETURN(const bool out_in, IsOutIn(file.metadata, map));
  weights.gelu_tanh = !erf;
  ASSIGN_OR_RETURN(weights.tensors, TakeAll(weights.shape, out_in, std::move(map)));
  return weights;
}

std::map<std::string, std::string> Gpt2Metadata(const ModelShape& shape, bool gelu_tanh) {
  std::map<std::string, std::string> metadata = {{kGeluKey, gelu_tanh ? "tanh" : "erf"},
                                                 {kLayoutKey, "in_out"}};
  if (shape.heads > 0) metadata[kHeadsKey] = absl::StrCat(shape.heads);
  return metadata;
}

absl::StatusOr<Gpt2Weights> ReadGpt2Weights(TensorFile file) {
  auto stored = InMemory(std::move(file));
  RETURN_IF_ERROR(Annotate(stored.status(), "read weights"));
  ASSIGN_OR_RETURN(const StoredGpt2 weights, OpenGpt2Weights(*std::move(stored)));
  Gpt2Weights read{.shape = weights.shape, .gelu_tanh = weights.gelu_tanh};
  ASSIGN_OR_RETURN(read.tensors, ReadTensors(weights.tensors));
  return read;
}

TensorFile WriteGpt2Weights(Gpt2Weights weights) {
  return {.metadata = Gpt2Metadata(weights.shape, weights.gelu_tanh),
          .tensors = std::move(weights.tensors)};
}

std::vector<NamedTensor> Gpt2TensorShapes(const ModelShape& shape) {
  std::vector<NamedTensor> tensors;
  for (ParameterSpec& spec : Gpt2Parameters(shape))
    tensors.push_back({std::move(spec.name), std::move(spec.full_shape), {}});
  return tensors;
}

absl::StatusOr<std::vector<std::string>> ReadSymbols(
    const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> symbols;
  const auto entry = metadata.find(kVocabularyKey);
  if (entry == metadata.end()) return symbols;
  const auto array = nlohmann::json::parse(entry->second, nullptr, /*allow_exceptions=*/false);
  for (const auto& symbol : array) {
    if (symbol.is_string()) symbols.push_back(symbol.get<std::string>());
  }
  if (!array.is_array() || symbols.size() != array.size()) {
    return absl::DataLossError(
        absl::StrCat("metadata ", kVocabularyKey, ": must be a JSON array of strings"));
  }
  return symbols;
}

void WriteSymbols(const std::vector<std::string>& symbols, TensorFile* file) {
  if (!symbols.empty()) file->metadata[kVocabularyKey] = nlohmann::json(symbols).dump();
}

}  // namespace edgetp
