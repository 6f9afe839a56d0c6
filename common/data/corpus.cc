#include "common/data/corpus.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/file_kind.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/data/bytes.h"
#include "common/data/corpus_manifest.h"
#include "common/data/token_file.h"
#include "common/data/utf8.h"
#include "common/rpc/digest.h"

namespace edgetp {
namespace {

constexpr char kMagic[] = "edgetp-corpus";  // 13 characters
constexpr size_t kMagicBytes = sizeof(kMagic) - 1;
// Behind the header: symbols and tokens; the tokenizer's name and both; name, digest and symbols.
// Name and digest have their size before them, in 4 bytes.
constexpr uint8_t kPlainVersion = 1;
constexpr uint8_t kNamedVersion = 2;
constexpr uint8_t kDescriptionVersion = 3;
// magic, version, vocabulary, bytes of the symbols, number of training and of validation tokens
constexpr size_t kHeaderBytes = kMagicBytes + 1 + 4 + 4 + 8 + 8;
constexpr int kMaxVocabulary = 65536;  // a token has 16 bits
constexpr uint64_t kMaxFileBytes = uint64_t{4} << 30;

absl::string_view BytesOf(absl::Span<const uint16_t> tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(uint16_t)};
}

std::vector<uint16_t> TakeTokens(const std::string& bytes, size_t at, size_t count) {
  std::vector<uint16_t> tokens(count);
  if (count > 0) std::memcpy(tokens.data(), bytes.data() + at, count * sizeof(uint16_t));
  return tokens;
}

absl::Status Corrupt(const std::string& what) {
  return absl::DataLossError(absl::StrCat("parse corpus: ", what));
}

// All of them are looked at: they come from who knows where.
int Largest(absl::Span<const uint16_t> tokens) {
  return tokens.empty() ? -1 : *std::max_element(tokens.begin(), tokens.end());
}

void AppendText(const std::string& text, std::string* out) {
  AppendNumber<uint32_t>(text.size(), out);
  *out += text;
}

// At `*at`, which moves behind it.
absl::StatusOr<std::string> TakeText(const std::string& bytes, size_t* at) {
  constexpr size_t kSizeBytes = sizeof(uint32_t);
  if (bytes.size() - *at < kSizeBytes) return Corrupt("a name is cut");
  const size_t size = ReadNumber<uint32_t>(bytes, *at);
  *at += kSizeBytes;
  if (bytes.size() - *at < size) return Corrupt("a name is cut");
  *at += size;
  return bytes.substr(*at - size, size);
}

// What stands between the header and the symbols.
absl::StatusOr<TokenizerId> TakeNames(const std::string& bytes, int version, size_t* at) {
  if (version == kPlainVersion) return TokenizerId();
  ASSIGN_OR_RETURN(const std::string name, TakeText(bytes, at));
  if (version == kDescriptionVersion) RETURN_IF_ERROR(TakeText(bytes, at).status());
  auto tokenizer = TokenizerId::Parse(name);
  if (!tokenizer.ok()) return Corrupt(std::string(tokenizer.status().message()));
  return tokenizer;
}

absl::StatusOr<std::vector<char32_t>> Characters(const std::string& text) {
  std::vector<char32_t> characters;
  characters.reserve(text.size());
  for (size_t position = 0; position < text.size();) {
    const size_t start = position;
    const auto character = NextCharacter(text, &position);
    if (!character.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("not UTF-8 text: invalid byte at position ", start + 1));
    }
    characters.push_back(*character);
  }
  return characters;
}

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
  return absl::InvalidArgumentError(
      absl::StrCat("data ", path, ": it has ", has, " tokens, but ", kManifestFile, " says ", wants,
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
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kMaxFileBytes));
  const std::string start = text.substr(0, kKindBytes);
  absl::StatusOr<Corpus> corpus = FromText(text);
  // A pointer or a key is text, and still not what anybody trains on.
  if (corpus.ok() && RecogniseFile(start).certain && text.size() < kKindBytes)
    corpus = absl::InvalidArgumentError("a text is wanted");
  if (corpus.ok()) return corpus;
  return absl::InvalidArgumentError(
      absl::StrCat("data ", path, ": ", std::string(corpus.status().message()), LooksLike(start)));
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
    return absl::InvalidArgumentError(
        absl::StrCat("data ", path, ": token ", vocabulary_ - 1, " is outside the vocabulary of ",
                     manifest->vocabulary, " that ", kManifestFile, " names"));
  }
  vocabulary_ = manifest->vocabulary;
  counted_ = true;
  tokenizer_ = manifest->tokenizer;
  if (tokenizer_.name != kCharsTokenizer) return absl::OkStatus();
  ASSIGN_OR_RETURN(symbols_, ReadSymbolsFile(path));
  if (CharsTokenizerId(symbols_) == tokenizer_) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("data ", path, ": ", kSymbolsFile,
                                                 " is not the one that ", kManifestFile,
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

std::string Corpus::Serialize() const {
  std::string bytes;
  const absl::Status sent = Bytes().send([&bytes](absl::string_view piece) {
    bytes.append(piece.data(), piece.size());
    return absl::OkStatus();
  });
  sent.IgnoreError();  // neither side fails
  return bytes;
}

ByteStream Corpus::Bytes() const {
  // The symbols name the tokenizer where there are some.
  const bool named = symbols_.empty() && tokenizer_.known();
  std::string header = Header(named ? kNamedVersion : kPlainVersion);
  if (named) AppendText(tokenizer_.ToString(), &header);
  header += absl::StrJoin(symbols_, "");
  const uint64_t size = header.size() + BytesOf(train_).size() + BytesOf(validation_).size();
  // The copy keeps the tokens where they are.
  return {size,
          [header = std::move(header), corpus = *this](const ByteSink& sink) -> absl::Status {
            RETURN_IF_ERROR(sink(header));
            RETURN_IF_ERROR(sink(BytesOf(corpus.train_)));
            return sink(BytesOf(corpus.validation_));
          }};
}

absl::StatusOr<std::string> Corpus::Id() const {
  if (folder_ == nullptr) return BlobIdOf(Bytes());
  ASSIGN_OR_RETURN(const std::string digest, DigestOfTokens(*folder_->train, *folder_->validation));
  return BlobIdOf(Description(digest));
}

std::string Corpus::Description(const std::string& digest) const {
  std::string bytes = Header(kDescriptionVersion);
  AppendText(tokenizer_.ToString(), &bytes);
  AppendText(digest, &bytes);
  return bytes + absl::StrJoin(symbols_, "");
}

std::string Corpus::Header(uint8_t version) const {
  std::string bytes(kMagic, kMagicBytes);
  AppendNumber<uint8_t>(version, &bytes);
  AppendNumber<uint32_t>(vocabulary_, &bytes);
  AppendNumber<uint32_t>(absl::StrJoin(symbols_, "").size(), &bytes);
  AppendNumber<uint64_t>(train_.size(), &bytes);
  AppendNumber<uint64_t>(validation_.size(), &bytes);
  return bytes;
}

absl::StatusOr<Corpus> Corpus::Parse(const std::string& bytes) {
  if (bytes.size() < kHeaderBytes)
    return Corrupt(absl::StrCat(bytes.size(), " bytes are less than a header"));
  if (bytes.compare(0, kMagicBytes, kMagic) != 0) return Corrupt("these bytes are not a corpus");
  const int version = ReadNumber<uint8_t>(bytes, kMagicBytes);
  if (version < kPlainVersion || version > kDescriptionVersion)
    return Corrupt(absl::StrCat("unknown format version ", version));
  const auto vocabulary = ReadNumber<uint32_t>(bytes, kMagicBytes + 1);
  const auto symbol_bytes = ReadNumber<uint32_t>(bytes, kMagicBytes + 5);
  const bool described = version == kDescriptionVersion;  // its tokens are somewhere else
  const auto train = described ? 0 : ReadNumber<uint64_t>(bytes, kMagicBytes + 9);
  const auto validation = described ? 0 : ReadNumber<uint64_t>(bytes, kMagicBytes + 17);
  if (vocabulary < 1 || vocabulary > kMaxVocabulary)
    return Corrupt(absl::StrCat("a vocabulary of ", vocabulary));
  Corpus corpus;
  size_t at = kHeaderBytes;
  ASSIGN_OR_RETURN(corpus.tokenizer_, TakeNames(bytes, version, &at));
  // Compared before they are added: hostile counts must not wrap around.
  const uint64_t left = bytes.size() - at;
  if (train > left || validation > left || symbol_bytes + 2 * (train + validation) != left) {
    return Corrupt(absl::StrCat("the header asks for ", train, " + ", validation, " tokens, but ",
                                left, " bytes follow it"));
  }
  corpus.vocabulary_ = static_cast<int>(vocabulary);
  corpus.Hold(TakeTokens(bytes, at + symbol_bytes, train),
              TakeTokens(bytes, at + symbol_bytes + 2 * train, validation));
  const int largest = std::max(Largest(corpus.train_), Largest(corpus.validation_));
  if (largest >= corpus.vocabulary_) {
    return Corrupt(absl::StrCat("token ", largest, " is outside the vocabulary of ", vocabulary));
  }
  auto symbols = Characters(bytes.substr(at, symbol_bytes));
  if (!symbols.ok()) return Corrupt(std::string(symbols.status().message()));
  if (!symbols->empty() && symbols->size() != vocabulary) {
    return Corrupt(absl::StrCat(symbols->size(), " symbols for a vocabulary of ", vocabulary));
  }
  for (char32_t symbol : *symbols) corpus.symbols_.push_back(ToUtf8(symbol));
  if (!corpus.symbols_.empty()) corpus.tokenizer_ = CharsTokenizerId(corpus.symbols_);
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
