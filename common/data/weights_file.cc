#include "common/data/weights_file.h"

#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/file_kind.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/data/gpt2_weights.h"
#include "common/data/safetensors.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// Of a model with a hundred thousand tensors.
constexpr uint64_t kMaxIndexBytes = 64 << 20;

absl::Status InvalidWeights(const std::string& path, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("read weights ", path, ": ", what));
}

// Errors: InvalidArgument unless `bytes` may be what is wanted.
absl::Status CheckKind(const std::string& path, const std::string& bytes) {
  if (bytes.empty()) return InvalidWeights(path, "the file is empty");
  const FileKind kind = RecogniseFile(bytes.substr(0, kKindBytes));
  for (const char* fine : {"", kSafetensors, kJson}) {
    if (kind.description == fine) return absl::OkStatus();
  }
  const std::string what =
      absl::StrCat("a safetensors file is wanted, and this looks like ", kind.description);
  if (kind.torch)
    return InvalidWeights(path, absl::StrCat(what, "; this converts it: ", TorchConversion(path)));
  return InvalidWeights(path, absl::StrCat(what, kind.advice.empty() ? "" : "; ", kind.advice));
}

// The files that an index names, each once.
absl::StatusOr<std::set<std::string>> ShardsOf(const std::string& path, const std::string& text) {
  const Json index = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const std::string rule =
      "a safetensors file is wanted, or the index of a model's shards: JSON with a weight_map";
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    return InvalidWeights(path, rule);
  std::set<std::string> shards;
  for (const Json& shard : index["weight_map"]) {
    const std::string name = shard.is_string() ? shard.get<std::string>() : "";
    if (name.empty() || fs::path(name).filename() != name)
      return InvalidWeights(path, "weight_map: each tensor must name a file in the index's folder");
    shards.insert(name);
  }
  if (shards.empty()) return InvalidWeights(path, "weight_map: names no file");
  return shards;
}

absl::StatusOr<StoredFile> OpenFile(const std::string& path,
                                    std::shared_ptr<const ByteSource> source) {
  auto file = OpenSafetensors(std::move(source));
  RETURN_IF_ERROR(Annotate(file.status(), path));
  return file;
}

void Append(StoredFile part, StoredFile* whole) {
  whole->metadata.merge(part.metadata);
  std::move(part.tensors.begin(), part.tensors.end(), std::back_inserter(whole->tensors));
  std::move(part.others.begin(), part.others.end(), std::back_inserter(whole->others));
}

// One file, which is made as it is sent.
absl::StatusOr<WeightsFile> OpenShards(const std::string& path, const std::string& index) {
  ASSIGN_OR_RETURN(const std::set<std::string> shards, ShardsOf(path, index));
  StoredFile whole;
  for (const std::string& name : shards) {
    const std::string shard = (fs::path(path).parent_path() / name).string();
    auto source = OpenFileBytes(shard);
    RETURN_IF_ERROR(Annotate(source.status(), absl::StrCat("read weights ", path)));
    auto part = OpenFile(shard, *std::move(source));
    RETURN_IF_ERROR(Annotate(part.status(), absl::StrCat("read weights ", path)));
    Append(*std::move(part), &whole);
  }
  const std::map<std::string, std::string> metadata = whole.metadata;
  auto weights = OpenGpt2Weights(std::move(whole));
  RETURN_IF_ERROR(Annotate(weights.status(), path));
  WeightsFile file;
  file.content.metadata = Gpt2Metadata(weights->shape, weights->gelu_tanh);
  file.content.metadata.insert(metadata.begin(), metadata.end());
  file.content.tensors = std::move(weights->tensors);
  ASSIGN_OR_RETURN(file.bytes, StreamSafetensors(file.content));
  return file;
}

}  // namespace

absl::StatusOr<WeightsFile> OpenWeightsFile(const std::string& path) {
  // What is no file of weights is told by what it looks like.
  ASSIGN_OR_RETURN(const std::string start, ReadFileStart(path, kKindBytes));
  RETURN_IF_ERROR(CheckKind(path, start));
  if (RecogniseFile(start).description == kJson) {
    ASSIGN_OR_RETURN(const std::string index, ReadWholeFile(path, kMaxIndexBytes));
    return OpenShards(path, index);
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<const ByteSource> source, OpenFileBytes(path));
  WeightsFile file{.bytes = StreamOf(source)};
  auto content = OpenSafetensors(source);
  if (!content.ok())
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", std::string(content.status().message())));
  file.content = *std::move(content);
  return file;
}

}  // namespace edgetp
