#include "common/data/corpus.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/file_kind.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/data/corpus_manifest.h"
#include "common/data/token_file.h"
#include "common/data/utf8.h"

namespace edgetp {
namespace {

absl::Status NoSymbols() {
  return absl::FailedPreconditionError(
      "this corpus came as tokens: it has no characters to translate to or from");
}

absl::Status UnknownCharacter(const std::string& character, size_t position, int vocabulary) {
  return absl::InvalidArgumentError(absl::StrCat("character '", absl::Utf8SafeCEscape(character),
                                                 "' at position ", position, " is not among the ",
                                                 vocabulary, " symbols of the model"));
}

// The number of each symbol. Errors: InvalidArgument for a symbol that is no single character, or is
// there twice.
absl::StatusOr<std::unordered_map<std::string, int32_t>> TokensOf(
    const std::vector<std::string>& symbols) {
  std::unordered_map<std::string, int32_t> token_of;
  for (const std::string& symbol : symbols) {
    size_t end = 0;
    const bool character =
        !symbol.empty() && NextCharacter(symbol, &end).has_value() && end == symbol.size();
    if (!character || !token_of.emplace(symbol, static_cast<int32_t>(token_of.size())).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("the model's vocabulary has the symbol '", absl::Utf8SafeCEscape(symbol),
                       character ? "' twice" : "', which is not one character",
                       ": no text can be numbered with it"));
    }
  }
  if (symbols.size() <= kMaxVocabulary) return token_of;
  return absl::InvalidArgumentError(absl::StrCat("the model's vocabulary has ", symbols.size(),
                                                 " symbols: at most 65536 fit a token"));
}

absl::Status CheckTokens(Split split, absl::Span<const uint16_t> tokens, int vocabulary) {
  const std::optional<size_t> outside = FindOutside(tokens, vocabulary);
  if (!outside.has_value()) return absl::OkStatus();
  return TokenOutside(split, tokens[*outside], static_cast<int64_t>(*outside), vocabulary);
}

// A prepared file that something else has written since.
absl::Status CheckCount(const std::string& path, size_t has, int64_t wants) {
  if (static_cast<int64_t>(has) == wants) return absl::OkStatus();
  return InvalidData(path,
                     absl::StrCat("it has ", has, " tokens, but ", kManifestFile, " says ", wants,
                                  ": run edgetp prepare again, or remove ", kManifestFile));
}

}  // namespace

absl::StatusOr<Corpus> Corpus::FromText(const std::string& text) {
  if (text.empty()) return absl::InvalidArgumentError("the text is empty");
  ASSIGN_OR_RETURN(const std::vector<char32_t> characters, Characters(text));
  std::vector<int32_t> token_of(kEndOfUnicode, -1);
  for (char32_t c : characters) token_of[c] = 0;
  Corpus corpus;
  for (char32_t c = 0; c < kEndOfUnicode; ++c) {
    if (token_of[c] < 0) continue;
    token_of[c] = corpus.vocabulary_++;
    corpus.symbols_.push_back(ToUtf8(c));
  }
  if (corpus.vocabulary_ > kMaxVocabulary) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the text has ", corpus.vocabulary_, " different characters: at most 65536 fit a token"));
  }
  const size_t n = characters.size();
  const size_t train = n / 10 * 9 + n % 10 * 9 / 10;  // floor(0.9 n), no overflow
  std::vector<uint16_t> tokens;
  tokens.reserve(n);
  for (const char32_t c : characters) tokens.push_back(static_cast<uint16_t>(token_of[c]));
  std::vector<uint16_t> validation(tokens.begin() + static_cast<int64_t>(train), tokens.end());
  tokens.resize(train);
  corpus.Hold(std::move(tokens), std::move(validation));
  corpus.tokenizer_ = CharsTokenizerId(corpus.symbols_);
  return corpus;
}

absl::StatusOr<Corpus> Corpus::Load(const std::string& path) {
  std::error_code ignored;  // a path that cannot be looked at fails below, with its reason
  if (std::filesystem::is_directory(path, ignored)) return LoadFolder(path);
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kMaxDataBytes));
  const std::string start = text.substr(0, kKindBytes);
  absl::StatusOr<Corpus> corpus = FromText(text);
  // A pointer or a key is text, and still not what anybody trains on.
  if (corpus.ok() && RecogniseFile(start).certain && text.size() < kKindBytes)
    corpus = absl::InvalidArgumentError("a text is wanted");
  if (corpus.ok()) return corpus;
  return InvalidData(path, absl::StrCat(std::string(corpus.status().message()), LooksLike(start)));
}

absl::StatusOr<Corpus> Corpus::LoadFolder(const std::string& path) {
  Corpus corpus;
  auto folder = std::make_shared<CorpusFolder>();
  std::error_code ignored;  // then the path stays as it is
  folder->path = std::filesystem::absolute(path, ignored).lexically_normal().string();
  ASSIGN_OR_RETURN(folder->train, StoredTokens::Open(absl::StrCat(path, "/", kTrainFile)));
  ASSIGN_OR_RETURN(folder->validation,
                   StoredTokens::Open(absl::StrCat(path, "/", kValidationFile)));
  corpus.train_ = folder->train->tokens();
  corpus.validation_ = folder->validation->tokens();
  corpus.folder_ = std::move(folder);
  corpus.vocabulary_ = std::max(LargestToken(corpus.train_), LargestToken(corpus.validation_)) + 1;
  corpus.counted_ = IsReadWhole(corpus.train_.size()) && IsReadWhole(corpus.validation_.size());
  RETURN_IF_ERROR(corpus.ReadManifestOf(path));
  return corpus;
}

absl::Status Corpus::ReadManifestOf(const std::string& path) {
  ASSIGN_OR_RETURN(const auto manifest, ReadManifest(path));
  if (!manifest.has_value()) return absl::OkStatus();
  RETURN_IF_ERROR(
      CheckCount(absl::StrCat(path, "/", kTrainFile), train_.size(), manifest->train_tokens));
  RETURN_IF_ERROR(CheckCount(absl::StrCat(path, "/", kValidationFile), validation_.size(),
                             manifest->validation_tokens));
  if (vocabulary_ > manifest->vocabulary) {
    return InvalidData(path,
                       absl::StrCat("token ", vocabulary_ - 1, " is outside the vocabulary of ",
                                    manifest->vocabulary, " that ", kManifestFile, " names"));
  }
  vocabulary_ = manifest->vocabulary;
  counted_ = true;
  tokenizer_ = manifest->tokenizer;
  if (tokenizer_.name != kCharsTokenizer) return absl::OkStatus();
  ASSIGN_OR_RETURN(symbols_, ReadSymbolsFile(path));
  if (CharsTokenizerId(symbols_) == tokenizer_) return absl::OkStatus();
  return InvalidData(path, absl::StrCat(kSymbolsFile, " is not the one that ", kManifestFile,
                                        " names: run edgetp prepare again"));
}

Corpus Corpus::FromTokens(TokenizerId tokenizer, int vocabulary, std::vector<uint16_t> train,
                          std::vector<uint16_t> validation) {
  Corpus corpus;
  corpus.vocabulary_ = vocabulary;
  corpus.tokenizer_ = std::move(tokenizer);
  corpus.Hold(std::move(train), std::move(validation));
  return corpus;
}

void Corpus::Hold(std::vector<uint16_t> train, std::vector<uint16_t> validation) {
  struct Held {
    std::vector<uint16_t> train;
    std::vector<uint16_t> validation;
  };
  const auto held = std::make_shared<const Held>(Held{std::move(train), std::move(validation)});
  train_ = held->train;
  validation_ = held->validation;
  held_ = held;
}

absl::StatusOr<std::vector<uint16_t>> Corpus::ReadWindows(Split split,
                                                          absl::Span<const int64_t> starts,
                                                          int tokens) const {
  std::vector<uint16_t> windows;
  windows.reserve(starts.size() * tokens);
  for (const int64_t start : starts) {
    const auto window = this->tokens(split).subspan(start, tokens);
    windows.insert(windows.end(), window.begin(), window.end());
  }
  return windows;
}

absl::Status Corpus::CheckVocabulary() const {
  if (tokenizer_.known()) return absl::OkStatus();
  if (counted_) return edgetp::CheckVocabulary(train_, validation_);
  return absl::InvalidArgumentError(absl::StrCat(
      "these files are too large to count their vocabulary (a sample has tokens up to ",
      vocabulary_ - 1, "): give --set model.vocabulary=N, or make them with edgetp prepare"));
}

absl::StatusOr<Corpus> Corpus::InVocabulary(const std::vector<std::string>& symbols) const {
  if (symbols_.empty()) return NoSymbols();
  ASSIGN_OR_RETURN(const auto token_of, TokensOf(symbols));
  if (symbols == symbols_) return *this;
  std::vector<int> renumbered;  // by own token; -1: not among `symbols`
  for (const std::string& symbol : symbols_) {
    const auto found = token_of.find(symbol);
    renumbered.push_back(found == token_of.end() ? -1 : found->second);
  }
  Corpus corpus;
  corpus.vocabulary_ = static_cast<int>(symbols.size());
  corpus.symbols_ = symbols;
  std::vector<uint16_t> train;
  std::vector<uint16_t> validation;
  const auto append = [&](absl::Span<const uint16_t> from, size_t before,
                          std::vector<uint16_t>* to) -> absl::Status {
    for (size_t i = 0; i < from.size(); ++i) {
      const int token = renumbered[from[i]];
      if (token < 0) return UnknownCharacter(symbols_[from[i]], before + i + 1, corpus.vocabulary_);
      to->push_back(static_cast<uint16_t>(token));
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(append(train_, 0, &train));
  RETURN_IF_ERROR(append(validation_, train_.size(), &validation));
  corpus.Hold(std::move(train), std::move(validation));
  corpus.tokenizer_ = CharsTokenizerId(symbols);
  return corpus;
}

absl::StatusOr<std::vector<int32_t>> Corpus::Encode(const std::string& text) const {
  if (symbols_.empty()) return NoSymbols();
  ASSIGN_OR_RETURN(const auto token_of, TokensOf(symbols_));
  ASSIGN_OR_RETURN(const std::vector<char32_t> characters, Characters(text));
  std::vector<int32_t> tokens;
  for (char32_t character : characters) {
    const std::string symbol = ToUtf8(character);
    const auto found = token_of.find(symbol);
    if (found == token_of.end()) return UnknownCharacter(symbol, tokens.size() + 1, vocabulary_);
    tokens.push_back(found->second);
  }
  return tokens;
}

absl::StatusOr<std::string> Corpus::Decode(absl::Span<const int32_t> tokens) const {
  if (symbols_.empty()) return NoSymbols();
  std::string text;
  for (int32_t token : tokens) {
    if (token < 0 || token >= vocabulary_) {
      return absl::InvalidArgumentError(
          absl::StrCat("token ", token, " is outside the vocabulary of ", vocabulary_));
    }
    text += symbols_[token];
  }
  return text;
}

absl::Status Corpus::CheckFits(int sequence, int model_vocabulary) const {
  RETURN_IF_ERROR(CheckSplits(*this, sequence));
  RETURN_IF_ERROR(CheckTokens(Split::kTrain, train_, model_vocabulary));
  return CheckTokens(Split::kValidation, validation_, model_vocabulary);
}

}  // namespace edgetp
