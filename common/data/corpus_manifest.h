// What `edgetp prepare` says of a folder that it has written: corpus.json beside train.bin and
// val.bin. Read by whoever loads the folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/tokenizer_id.h"

namespace edgetp {

inline constexpr char kManifestFile[] = "corpus.json";
inline constexpr char kSymbolsFile[] = "symbols.json";  // of tokenizer chars: an array of strings
inline constexpr char kTrainFile[] = "train.bin";
inline constexpr char kValidationFile[] = "val.bin";

struct ManifestFile {
  std::string name;  // of a file in the folder; of a source, the path as it was given
  int64_t bytes = 0;
  std::string sha256;  // hex
};

struct CorpusManifest {
  std::string version;  // of the edgetp that wrote it
  TokenizerId tokenizer;
  std::vector<ManifestFile> tokenizer_files;
  int vocabulary = 0;
  int64_t train_tokens = 0;
  int64_t validation_tokens = 0;
  double validation_share = 0;
  bool validation_documents = false;  // whole documents, spread over all; else the text's end
  int64_t documents = 0;
  int64_t characters = 0;
  std::vector<ManifestFile> sources;
};

// One JSON object, indented; ends with a new line.
std::string ToJson(const CorpusManifest& manifest);
// Errors: InvalidArgument naming `path` and the key.
absl::StatusOr<CorpusManifest> ParseManifest(const std::string& json, const std::string& path);

// Of a folder; nothing where it has none, because something else wrote it.
// Errors: those of ReadWholeFile and ParseManifest.
absl::StatusOr<std::optional<CorpusManifest>> ReadManifest(const std::string& folder);

// symbols.json of a folder.
// Errors: those of ReadWholeFile; InvalidArgument unless it is an array of strings.
absl::StatusOr<std::vector<std::string>> ReadSymbolsFile(const std::string& folder);
std::string SymbolsToJson(const std::vector<std::string>& symbols);

}  // namespace edgetp
