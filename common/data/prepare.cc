#include "common/data/prepare.h"

#include <algorithm>
#include <bitset>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/data/documents.h"
#include "common/data/new_folder.h"
#include "common/data/token_writer.h"
#include "common/data/tokenizer.h"
#include "common/data/utf8.h"
#include "common/rpc/digest.h"

namespace edgetp {
namespace {

// So many documents are a validation split whose loss means something.
constexpr double kEnoughDocuments = 20;

int64_t CountCharacters(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; });
}

// What the first reading finds.
class Survey final : public DocumentSink {
 public:
  explicit Survey(bool collects_symbols) : collects_symbols_(collects_symbols) {}

  absl::Status Text(absl::string_view part) override {
    characters_ += CountCharacters(part);
    if (!collects_symbols_) return absl::OkStatus();
    for (size_t at = 0; at < part.size();) {
      const std::optional<char32_t> character = NextCharacter(part, &at);
      if (!character.has_value()) break;  // documents are UTF-8
      used_->set(*character);
    }
    return absl::OkStatus();
  }
  absl::Status EndDocument() override {
    ++documents_;
    return absl::OkStatus();
  }

  int64_t characters() const { return characters_; }
  int64_t documents() const { return documents_; }
  // In Unicode's order, with the separator of documents.
  std::vector<std::string> Symbols() {
    if (documents_ > 1) used_->set('\n');
    std::vector<std::string> symbols;
    for (char32_t c = 0; c < kEndOfUnicode; ++c) {
      if (used_->test(c)) symbols.push_back(ToUtf8(c));
    }
    return symbols;
  }

 private:
  const bool collects_symbols_;
  int64_t characters_ = 0;
  int64_t documents_ = 0;
  std::unique_ptr<std::bitset<kEndOfUnicode>> used_ =
      std::make_unique<std::bitset<kEndOfUnicode>>();
};

// Which part of all text validates.
class Divider {
 public:
  Divider(double share, int64_t documents, int64_t characters)
      : share_(share),
        by_documents_(share * static_cast<double>(documents) >= kEnoughDocuments),
        train_characters_(static_cast<int64_t>(static_cast<double>(characters) * (1 - share))) {}

  bool by_documents() const { return by_documents_; }
  // Whole documents: the n-th one of 1 / share, in the middle of them.
  bool Validates(int64_t document) const {
    const auto before = [this](int64_t count) {
      return static_cast<int64_t>(static_cast<double>(count) * share_ + 0.5);
    };
    return by_documents_ && before(document + 1) > before(document);
  }
  // Of the characters from `done` on, how many still train.
  int64_t TrainsFrom(int64_t done) const { return std::max<int64_t>(0, train_characters_ - done); }

 private:
  const double share_;
  const bool by_documents_;
  const int64_t train_characters_;
};

// The second reading: tokens go to the split that they belong to.
class Writer final : public DocumentSink {
 public:
  Writer(const Tokenizer& tokenizer, const Divider& divider, std::optional<uint16_t> separator,
         TokenWriter* train, TokenWriter* validation)
      : divider_(divider),
        separator_(separator),
        train_(train),
        validation_(validation),
        encoder_(tokenizer.NewEncoder()) {}

  absl::Status Text(absl::string_view part) override {
    if (divider_.by_documents()) return Encode(part, To());
    // Up to the character where the validation split begins, and from there on.
    const int64_t count = CountCharacters(part);
    const int64_t trains = std::min(count, divider_.TrainsFrom(characters_));
    characters_ += count;
    const size_t cut = ByteOf(part, trains);
    if (cut > 0) RETURN_IF_ERROR(Encode(part.substr(0, cut), train_));
    if (cut == part.size()) return absl::OkStatus();
    if (last_ == train_) RETURN_IF_ERROR(Finish());
    return Encode(part.substr(cut), validation_);
  }

  absl::Status EndDocument() override {
    if (last_ == nullptr) last_ = To();
    RETURN_IF_ERROR(Finish());
    if (separator_.has_value()) {
      tokens_.assign(1, *separator_);
      RETURN_IF_ERROR(last_->Write(tokens_));
    }
    last_ = nullptr;
    ++document_;
    return absl::OkStatus();
  }

 private:
  // Where a document begins.
  TokenWriter* To() const {
    const bool validates = divider_.by_documents() ? divider_.Validates(document_)
                                                   : divider_.TrainsFrom(characters_) == 0;
    return validates ? validation_ : train_;
  }
  static size_t ByteOf(absl::string_view text, int64_t character) {
    size_t at = 0;
    for (; at < text.size(); ++at) {
      if ((text[at] & 0xC0) != 0x80 && character-- == 0) break;
    }
    return at;
  }
  absl::Status Encode(absl::string_view text, TokenWriter* to) {
    last_ = to;
    tokens_.clear();
    RETURN_IF_ERROR(encoder_->Append(text, &tokens_));
    return to->Write(tokens_);
  }
  absl::Status Finish() {
    tokens_.clear();
    RETURN_IF_ERROR(encoder_->Finish(&tokens_));
    return last_->Write(tokens_);
  }

  const Divider& divider_;
  const std::optional<uint16_t> separator_;
  TokenWriter* const train_;
  TokenWriter* const validation_;
  const std::unique_ptr<TextEncoder> encoder_;
  TokenWriter* last_ = nullptr;  // of the document so far
  std::vector<uint16_t> tokens_;
  int64_t characters_ = 0;
  int64_t document_ = 0;
};

// Reads all sources, one after the other. Returns their digests.
absl::StatusOr<std::vector<std::string>> ReadAll(const std::vector<TextSource>& sources,
                                                 const char* activity,
                                                 const PrepareProgress& progress,
                                                 DocumentSink* sink) {
  int64_t total = 0;
  int64_t done = 0;
  for (const TextSource& source : sources) total += source.bytes;
  std::vector<std::string> digests;
  for (const TextSource& source : sources) {
    auto digest = ReadDocuments(source, sink, [&](int64_t bytes) {
      done += bytes;
      return progress(activity, done, total);
    });
    RETURN_IF_ERROR(digest.status());
    digests.push_back(*std::move(digest));
  }
  return digests;
}

// A tokenizer, and the files that make it again.
struct NamedTokenizer {
  std::unique_ptr<Tokenizer> tokenizer;
  std::vector<std::pair<std::string, std::string>> files;  // name and bytes
};

std::string BaseName(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

absl::StatusOr<NamedTokenizer> LoadGpt2(const std::string& folder) {
  if (folder.empty()) {
    return absl::InvalidArgumentError(
        "--tokenizer_files=DIR is needed: the folder with GPT-2's vocabulary and merges");
  }
  NamedTokenizer named;
  ASSIGN_OR_RETURN(BpeFiles files, ReadBpeFiles(folder));
  ASSIGN_OR_RETURN(named.tokenizer, MakeGpt2Tokenizer(files));
  named.files.emplace_back(BaseName(files.vocabulary_name), std::move(files.vocabulary));
  named.files.emplace_back(BaseName(files.merges_name), std::move(files.merges));
  return named;
}

absl::StatusOr<NamedTokenizer> MakeChars(Survey* survey) {
  NamedTokenizer named;
  const std::vector<std::string> symbols = survey->Symbols();
  ASSIGN_OR_RETURN(named.tokenizer, MakeCharsTokenizer(symbols));
  named.files.emplace_back(kSymbolsFile, SymbolsToJson(symbols));
  return named;
}

absl::Status CheckOptions(const PrepareOptions& options) {
  if (!(options.validation > 0 && options.validation < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--validation: must be above 0 and below 1 (got ", options.validation, ")"));
  }
  if (options.tokenizer == kGpt2Tokenizer || options.tokenizer == kCharsTokenizer)
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--tokenizer: must be gpt2 or chars (got ", options.tokenizer, ")"));
}

// The names that a folder of ours may have.
absl::StatusOr<std::vector<std::string>> Replaceable(const std::string& folder) {
  ASSIGN_OR_RETURN(const auto manifest, ReadManifest(folder));
  std::vector<std::string> names;
  if (!manifest.has_value()) return names;
  names = {kManifestFile, kTrainFile, kValidationFile};
  for (const ManifestFile& file : manifest->tokenizer_files) names.push_back(file.name);
  return names;
}

absl::Status CheckSplits(const CorpusManifest& manifest) {
  if (manifest.train_tokens > 0 && manifest.validation_tokens > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "prepare: the texts have too few characters (", manifest.characters, ") for two splits: ",
      manifest.train_tokens, " tokens would train, ", manifest.validation_tokens, " validate"));
}

absl::Status WriteFiles(const NamedTokenizer& named, CorpusManifest* manifest, NewFolder* folder) {
  for (const auto& [name, bytes] : named.files) {
    RETURN_IF_ERROR(WriteWholeFile(folder->PathOf(name), bytes));
    manifest->tokenizer_files.push_back(
        {name, static_cast<int64_t>(bytes.size()), Sha256Hex(bytes)});
  }
  return WriteWholeFile(folder->PathOf(kManifestFile), ToJson(*manifest));
}

// Reads the texts again, into the splits.
absl::Status WriteTokens(const std::vector<TextSource>& sources, const Tokenizer& tokenizer,
                         const PrepareProgress& progress, NewFolder* folder,
                         CorpusManifest* manifest) {
  const Divider divider(manifest->validation_share, manifest->documents, manifest->characters);
  std::optional<uint16_t> separator;
  if (manifest->documents > 1) {
    ASSIGN_OR_RETURN(separator, tokenizer.Separator());
  }
  ASSIGN_OR_RETURN(TokenWriter train, TokenWriter::Open(folder->PathOf(kTrainFile)));
  ASSIGN_OR_RETURN(TokenWriter validation, TokenWriter::Open(folder->PathOf(kValidationFile)));
  Writer writer(tokenizer, divider, separator, &train, &validation);
  ASSIGN_OR_RETURN(const auto digests, ReadAll(sources, "tokenizing", progress, &writer));
  for (size_t i = 0; i < digests.size(); ++i) {
    if (digests[i] != manifest->sources[i].sha256) {
      return absl::DataLossError(
          absl::StrCat("text ", sources[i].path, ": it was changed while it was read"));
    }
  }
  RETURN_IF_ERROR(train.Finish());
  RETURN_IF_ERROR(validation.Finish());
  manifest->train_tokens = train.tokens();
  manifest->validation_tokens = validation.tokens();
  manifest->validation_documents = divider.by_documents();
  return CheckSplits(*manifest);
}

}  // namespace

absl::StatusOr<CorpusManifest> PrepareCorpus(const PrepareOptions& options,
                                             const PrepareProgress& progress) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(const auto replaceable, Replaceable(options.out));
  ASSIGN_OR_RETURN(const auto sources, FindTexts(options.texts, options.out));
  const bool chars = options.tokenizer == kCharsTokenizer;
  NamedTokenizer named;
  if (!chars) {
    ASSIGN_OR_RETURN(named, LoadGpt2(options.tokenizer_files));
  }
  ASSIGN_OR_RETURN(NewFolder folder, NewFolder::Begin(options.out, replaceable));

  Survey survey(chars);
  ASSIGN_OR_RETURN(const auto digests, ReadAll(sources, "reading", progress, &survey));
  if (chars) {
    ASSIGN_OR_RETURN(named, MakeChars(&survey));
  }
  CorpusManifest manifest{.version = kVersion,
                          .tokenizer = named.tokenizer->id(),
                          .vocabulary = named.tokenizer->vocabulary(),
                          .validation_share = options.validation,
                          .documents = survey.documents(),
                          .characters = survey.characters()};
  for (size_t i = 0; i < sources.size(); ++i)
    manifest.sources.push_back({sources[i].path, sources[i].bytes, digests[i]});
  RETURN_IF_ERROR(WriteTokens(sources, *named.tokenizer, progress, &folder, &manifest));
  RETURN_IF_ERROR(WriteFiles(named, &manifest, &folder));
  RETURN_IF_ERROR(folder.Commit());
  return manifest;
}

}  // namespace edgetp
