#include "common/data/corpus_manifest.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/data/token_file.h"

namespace edgetp {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr char kFormatKey[] = "edgetp_corpus";
constexpr int kFormat = 1;
constexpr uint64_t kMaxManifestBytes = 256 << 20;  // of a million sources, and more
constexpr uint64_t kMaxSymbolsBytes = 4 << 20;

OrderedJson FilesToJson(const char* name, const std::vector<ManifestFile>& files) {
  OrderedJson array = OrderedJson::array();
  for (const ManifestFile& file : files)
    array.push_back({{name, file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  return array;
}

// Takes keys out of an object, and remembers the first that is missing or of another type.
class Reader {
 public:
  explicit Reader(const OrderedJson& json) : json_(json) {}

  template <typename Value>
  Value Take(const char* key) {
    const auto found = json_.is_object() ? json_.find(key) : json_.end();
    Value value{};
    const bool fits = found != json_.end() && Fits(*found, value);
    if (fits) found->get_to(value);
    if (!fits && fault_.empty()) fault_ = key;
    return value;
  }
  std::vector<ManifestFile> TakeFiles(const char* key, const char* name) {
    std::vector<ManifestFile> files;
    const auto found = json_.is_object() ? json_.find(key) : json_.end();
    if (found == json_.end() || !found->is_array()) {
      if (fault_.empty()) fault_ = key;
      return files;
    }
    for (const OrderedJson& entry : *found) {
      Reader reader(entry);
      files.push_back({reader.Take<std::string>(name), reader.Take<int64_t>("bytes"),
                       reader.Take<std::string>("sha256")});
      if (!reader.fault().empty() && fault_.empty())
        fault_ = absl::StrCat(key, ".", reader.fault());
    }
    return files;
  }
  const std::string& fault() const { return fault_; }

 private:
  static bool Fits(const OrderedJson& json, const std::string&) { return json.is_string(); }
  static bool Fits(const OrderedJson& json, bool) { return json.is_boolean(); }
  static bool Fits(const OrderedJson& json, double) { return json.is_number(); }
  static bool Fits(const OrderedJson& json, int64_t) {
    return json.is_number_unsigned() && json.get<uint64_t>() <= INT64_MAX;
  }

  const OrderedJson& json_;
  std::string fault_;
};

}  // namespace

std::string ToJson(const CorpusManifest& manifest) {
  OrderedJson json;
  json[kFormatKey] = kFormat;
  json["version"] = manifest.version;
  json["tokenizer"] = manifest.tokenizer.name;
  json["tokenizer_digest"] = manifest.tokenizer.digest;
  json["tokenizer_files"] = FilesToJson("name", manifest.tokenizer_files);
  json["vocabulary"] = manifest.vocabulary;
  json["train_tokens"] = manifest.train_tokens;
  json["validation_tokens"] = manifest.validation_tokens;
  json["validation_share"] = manifest.validation_share;
  json["validation_documents"] = manifest.validation_documents;
  json["documents"] = manifest.documents;
  json["characters"] = manifest.characters;
  json["sources"] = FilesToJson("path", manifest.sources);
  // A path need not be UTF-8.
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

absl::StatusOr<CorpusManifest> ParseManifest(const std::string& text, const std::string& path) {
  const OrderedJson json = OrderedJson::parse(text, nullptr, /*allow_exceptions=*/false);
  Reader reader(json);
  if (reader.Take<int64_t>(kFormatKey) != kFormat)
    return InvalidData(path, "this is no manifest of edgetp prepare that this version reads");
  CorpusManifest manifest;
  manifest.version = reader.Take<std::string>("version");
  manifest.tokenizer.name = reader.Take<std::string>("tokenizer");
  manifest.tokenizer.digest = reader.Take<std::string>("tokenizer_digest");
  manifest.tokenizer_files = reader.TakeFiles("tokenizer_files", "name");
  const auto vocabulary = reader.Take<int64_t>("vocabulary");
  manifest.vocabulary = static_cast<int>(vocabulary);
  manifest.train_tokens = reader.Take<int64_t>("train_tokens");
  manifest.validation_tokens = reader.Take<int64_t>("validation_tokens");
  manifest.validation_share = reader.Take<double>("validation_share");
  manifest.validation_documents = reader.Take<bool>("validation_documents");
  manifest.documents = reader.Take<int64_t>("documents");
  manifest.characters = reader.Take<int64_t>("characters");
  manifest.sources = reader.TakeFiles("sources", "path");
  if (!reader.fault().empty())
    return InvalidData(path, absl::StrCat(reader.fault(), ": it is missing or of another type"));
  if (vocabulary < 1 || vocabulary > kMaxVocabulary)
    return InvalidData(path, absl::StrCat("vocabulary: must be in [1, ", kMaxVocabulary, "] (got ",
                                          vocabulary, ")"));
  if (!TokenizerId::Parse(manifest.tokenizer.ToString()).ok() || !manifest.tokenizer.known())
    return InvalidData(path, "tokenizer: gpt2 or chars, with its digest, is wanted");
  return manifest;
}

absl::StatusOr<std::optional<CorpusManifest>> ReadManifest(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kManifestFile);
  std::optional<CorpusManifest> manifest;
  std::error_code ignored;  // what cannot be looked at is not there for us
  if (!std::filesystem::exists(path, ignored)) return manifest;
  ASSIGN_OR_RETURN(const std::string json, ReadWholeFile(path, kMaxManifestBytes));
  ASSIGN_OR_RETURN(manifest, ParseManifest(json, path));
  return manifest;
}

absl::StatusOr<std::vector<std::string>> ReadSymbolsFile(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kSymbolsFile);
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kMaxSymbolsBytes));
  const OrderedJson json = OrderedJson::parse(text, nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> symbols;
  if (!json.is_array()) return InvalidData(path, "an array of strings is wanted");
  for (const OrderedJson& symbol : json) {
    if (!symbol.is_string()) return InvalidData(path, "an array of strings is wanted");
    symbols.push_back(symbol.get<std::string>());
  }
  return symbols;
}

std::string SymbolsToJson(const std::vector<std::string>& symbols) {
  return OrderedJson(symbols).dump() + "\n";
}

}  // namespace edgetp
