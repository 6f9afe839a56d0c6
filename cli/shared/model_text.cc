#include "cli/shared/model_text.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/data/corpus_manifest.h"

namespace edgetp {
namespace {

// The folder of the run's corpus, where edgetp prepare has put the files; empty without.
std::string FolderWithFiles(const std::string& data) {
  std::error_code ignored;  // what cannot be looked at is not there for us
  return std::filesystem::exists(data + "/" + kManifestFile, ignored) ? data : "";
}

absl::StatusOr<std::vector<uint16_t>> EncodeSplit(const Corpus& text, Split split,
                                                  const Tokenizer& tokenizer) {
  const absl::Span<const uint16_t> tokens = text.tokens(split);
  ASSIGN_OR_RETURN(const std::string decoded,
                   text.Decode(std::vector<int32_t>(tokens.begin(), tokens.end())));
  const std::unique_ptr<TextEncoder> encoder = tokenizer.NewEncoder();
  std::vector<uint16_t> encoded;
  RETURN_IF_ERROR(encoder->Append(decoded, &encoded));
  RETURN_IF_ERROR(encoder->Finish(&encoded));
  return encoded;
}

}  // namespace

void AddTokenizerFilesFlag(CLI::App* command, std::string* files) {
  command->add_option(
      "--tokenizer_files", *files,
      "folder with the files of GPT-2's tokenizer; default: the run's corpus, where "
      "edgetp prepare made it");
}

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizerOf(const TokensOfWeights& weights,
                                                           const std::string& files,
                                                           const std::string& data) {
  if (!weights.symbols.empty()) return MakeCharsTokenizer(weights.symbols);
  if (!weights.tokenizer.known() && files.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(weights.origin,
                     " was trained on tokens without symbols: nobody knows their "
                     "text; give --tokenizer_files=DIR if they are GPT-2's"));
  }
  const std::string folder = files.empty() ? FolderWithFiles(data) : files;
  if (folder.empty()) {
    return absl::NotFoundError(absl::StrCat(
        weights.origin, " was trained on tokens of ", weights.tokenizer.name,
        ", whose files are not at ", data.empty() ? "hand" : data, ": give --tokenizer_files=DIR"));
  }
  ASSIGN_OR_RETURN(auto tokenizer, LoadGpt2Tokenizer(folder));
  RETURN_IF_ERROR(CheckSameTokenizer(tokenizer->id(), absl::StrCat("--tokenizer_files=", folder),
                                     weights.tokenizer, weights.origin));
  return tokenizer;
}

absl::StatusOr<Corpus> EncodeCorpus(const Corpus& text, const Tokenizer& tokenizer) {
  ASSIGN_OR_RETURN(std::vector<uint16_t> train, EncodeSplit(text, Split::kTrain, tokenizer));
  ASSIGN_OR_RETURN(std::vector<uint16_t> validation,
                   EncodeSplit(text, Split::kValidation, tokenizer));
  return Corpus::FromTokens(tokenizer.id(), tokenizer.vocabulary(), std::move(train),
                            std::move(validation));
}

}  // namespace edgetp
