#include "common/data/folder_tokenizer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/data/corpus_manifest.h"

namespace edgetp {
namespace {

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadNamed(const std::string& name,
                                                     const std::string& folder) {
  if (name == kGpt2Tokenizer) return LoadGpt2Tokenizer(folder);
  ASSIGN_OR_RETURN(std::vector<std::string> symbols, ReadSymbolsFile(folder));
  return MakeCharsTokenizer(std::move(symbols));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadFolderTokenizer(const std::string& folder) {
  ASSIGN_OR_RETURN(const auto manifest, ReadManifest(folder));
  if (!manifest.has_value()) {
    return absl::NotFoundError(absl::StrCat(folder, ": it has no ", kManifestFile,
                                            " of edgetp prepare, which names its tokenizer"));
  }
  ASSIGN_OR_RETURN(auto tokenizer, LoadNamed(manifest->tokenizer.name, folder));
  if (tokenizer->id() == manifest->tokenizer) return tokenizer;
  return absl::DataLossError(absl::StrCat(
      folder, ": its tokenizer's files are not those that its ", kManifestFile, " names (want=",
      manifest->tokenizer.digest, " got=", tokenizer->id().digest, "): run edgetp prepare again"));
}

}  // namespace edgetp
