#include "common/data/weights_file.h"

#include <filesystem>
#include <iterator>
#include <map>
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

constexpr uint64_t kMaxWeightsBytes = uint64_t{64} << 30;

absl::Status Invalid(const std::string& path, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("read weights ", path, ": ", what));
}

// Errors: InvalidArgument unless `bytes` may be what is wanted.
absl::Status CheckKind(const std::string& path, const std::string& bytes) {
  if (bytes.empty()) return Invalid(path, "the file is empty");
  const FileKind kind = RecogniseFile(bytes.substr(0, kKindBytes));
  for (const char* fine : {"", kSafetensors, kJson}) {
    if (kind.description == fine) return absl::OkStatus();
  }
  const std::string what =
      absl::StrCat("a safetensors file is wanted, and this looks like ", kind.description);
  if (kind.torch)
    return Invalid(path, absl::StrCat(what, "; this converts it: ", TorchConversion(path)));
  return Invalid(path, absl::StrCat(what, kind.advice.empty() ? "" : "; ", kind.advice));
}

// The files that an index names, each once.
absl::StatusOr<std::set<std::string>> ShardsOf(const std::string& path, const std::string& text) {
  const Json index = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const std::string rule =
      "a safetensors file is wanted, or the index of a model's shards: JSON with a weight_map";
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    return Invalid(path, rule);
  std::set<std::string> shards;
  for (const Json& shard : index["weight_map"]) {
    const std::string name = shard.is_string() ? shard.get<std::string>() : "";
    if (name.empty() || fs::path(name).filename() != name)
      return Invalid(path, "weight_map: each tensor must name a file in the index's folder");
    shards.insert(name);
  }
  if (shards.empty()) return Invalid(path, "weight_map: names no file");
  return shards;
}

void Append(TensorFile part, TensorFile* whole) {
  whole->metadata.merge(part.metadata);
  std::move(part.tensors.begin(), part.tensors.end(), std::back_inserter(whole->tensors));
  std::move(part.others.begin(), part.others.end(), std::back_inserter(whole->others));
}

absl::StatusOr<std::string> ReadShards(const std::string& path, const std::string& index) {
  ASSIGN_OR_RETURN(const std::set<std::string> shards, ShardsOf(path, index));
  TensorFile whole;
  for (const std::string& name : shards) {
    auto shard = LoadSafetensors((fs::path(path).parent_path() / name).string());
    RETURN_IF_ERROR(Annotate(shard.status(), absl::StrCat("read weights ", path)));
    Append(*std::move(shard), &whole);
  }
  const std::map<std::string, std::string> metadata = whole.metadata;
  auto weights = ReadGpt2Weights(std::move(whole));
  RETURN_IF_ERROR(Annotate(weights.status(), path));
  TensorFile file = WriteGpt2Weights(*std::move(weights));
  file.metadata.insert(metadata.begin(), metadata.end());
  return SerializeSafetensors(file);
}

}  // namespace

absl::StatusOr<std::string> ReadWeightsFile(const std::string& path) {
  // What is no file of weights is told before all of it has been read.
  ASSIGN_OR_RETURN(const std::string start, ReadFileStart(path, kKindBytes));
  RETURN_IF_ERROR(CheckKind(path, start));
  ASSIGN_OR_RETURN(std::string bytes, ReadWholeFile(path, kMaxWeightsBytes));
  if (RecogniseFile(start).description == kJson) return ReadShards(path, bytes);
  return bytes;
}

}  // namespace edgetp
