#include "common/data/corpus.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <unordered_map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/file_kind.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/data/bytes.h"
#include "common/data/token_file.h"
#include "common/data/utf8.h"

namespace edgetp {
namespace {

constexpr char kMagic[] = "edgetp-corpus";  // 13 characters
constexpr size_t kMagicBytes = sizeof(kMagic) - 1;
constexpr uint8_t kFormatVersion = 1;
// magic, version, vocabulary, bytes of the symbols, number of training and of validation tokens
constexpr size_t kHeaderBytes = kMagicBytes + 1 + 4 + 4 + 8 + 8;
constexpr int kMaxVocabulary = 65536;  // a token has 16 bits
constexpr uint64_t kMaxFileBytes = uint64_t{4} << 30;

int LargestToken(const std::vector<uint16_t>& tokens) {
  return tokens.empty() ? -1 : *std::max_element(tokens.begin(), tokens.end());
}

void AppendTokens(const std::vector<uint16_t>& tokens, std::string* out) {
  out->append(reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(uint16_t));
}

std::vector<uint16_t> TakeTokens(const std::string& bytes, size_t at, size_t count) {
  std::vector<uint16_t> tokens(count);
  if (count > 0) std::memcpy(tokens.data(), bytes.data() + at, count * sizeof(uint16_t));
  return tokens;
}

absl::Status Corrupt(const std::string& what) {
  return absl::DataLossError(absl::StrCat("parse corpus: ", what));
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
    size_t position = 0;
    const bool character = !symbol.empty() && NextCharacter(symbol, &position).has_value() &&
                           position == symbol.size();
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

absl::Status CheckSplitFits(const char* name, const std::vector<uint16_t>& tokens, int sequence,
                            int vocabulary) {
  if (tokens.size() < static_cast<size_t>(sequence) + 1) {
    return absl::InvalidArgumentError(absl::StrCat("data: the ", name, " split has ", tokens.size(),
                                                   " tokens, but sequence=", sequence,
                                                   " needs at least ", sequence + 1));
  }
  const auto outside =
      std::find_if(tokens.begin(), tokens.end(), [&](uint16_t t) { return t >= vocabulary; });
  if (outside == tokens.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("data: token ", *outside, " at position ", outside - tokens.begin(), " of the ",
                   name, " split is outside model.vocabulary=", vocabulary));
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
  const size_t train =
      characters.size() / 10 * 9 + characters.size() % 10 * 9 / 10;  // floor(0.9 n), no overflow
  corpus.train_.reserve(train);
  corpus.validation_.reserve(characters.size() - train);
  for (size_t i = 0; i < characters.size(); ++i) {
    const auto token = static_cast<uint16_t>(token_of[characters[i]]);
    (i < train ? corpus.train_ : corpus.validation_).push_back(token);
  }
  return corpus;
}

absl::StatusOr<Corpus> Corpus::Load(const std::string& path) {
  std::error_code ignored;  // a path that cannot be looked at fails below, with its reason
  if (!std::filesystem::is_directory(path, ignored)) {
    ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kMaxFileBytes));
    const std::string start = text.substr(0, kKindBytes);
    absl::StatusOr<Corpus> corpus = FromText(text);
    // A pointer or a key is text, and still not what anybody trains on.
    if (corpus.ok() && RecogniseFile(start).certain && text.size() < kKindBytes)
      corpus = absl::InvalidArgumentError("a text is wanted");
    if (corpus.ok()) return corpus;
    return absl::InvalidArgumentError(absl::StrCat(
        "data ", path, ": ", std::string(corpus.status().message()), LooksLike(start)));
  }
  Corpus corpus;
  ASSIGN_OR_RETURN(corpus.train_, ReadTokenFile(path + "/train.bin"));
  ASSIGN_OR_RETURN(corpus.validation_, ReadTokenFile(path + "/val.bin"));
  corpus.vocabulary_ = std::max(LargestToken(corpus.train_), LargestToken(corpus.validation_)) + 1;
  return corpus;
}

absl::Status Corpus::CheckVocabulary() const {
  return symbols_.empty() ? edgetp::CheckVocabulary(train_, validation_) : absl::OkStatus();
}

absl::StatusOr<Corpus> Corpus::InVocabulary(const std::vector<std::string>& symbols) const {
  if (symbols_.empty()) return NoSymbols();
  ASSIGN_OR_RETURN(const auto token_of, TokensOf(symbols));
  std::vector<int> renumbered;  // by own token; -1: not among `symbols`
  for (const std::string& symbol : symbols_) {
    const auto found = token_of.find(symbol);
    renumbered.push_back(found == token_of.end() ? -1 : found->second);
  }
  Corpus corpus;
  corpus.vocabulary_ = static_cast<int>(symbols.size());
  corpus.symbols_ = symbols;
  const auto append = [&](const std::vector<uint16_t>& from, size_t before,
                          std::vector<uint16_t>* to) -> absl::Status {
    for (size_t i = 0; i < from.size(); ++i) {
      const int token = renumbered[from[i]];
      if (token < 0) return UnknownCharacter(symbols_[from[i]], before + i + 1, corpus.vocabulary_);
      to->push_back(static_cast<uint16_t>(token));
    }
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(append(train_, 0, &corpus.train_));
  RETURN_IF_ERROR(append(validation_, train_.size(), &corpus.validation_));
  return corpus;
}

std::string Corpus::Serialize() const {
  std::string bytes(kMagic, kMagicBytes);
  AppendNumber<uint8_t>(kFormatVersion, &bytes);
  AppendNumber<uint32_t>(vocabulary_, &bytes);
  const std::string symbols = absl::StrJoin(symbols_, "");
  AppendNumber<uint32_t>(symbols.size(), &bytes);
  AppendNumber<uint64_t>(train_.size(), &bytes);
  AppendNumber<uint64_t>(validation_.size(), &bytes);
  bytes += symbols;
  AppendTokens(train_, &bytes);
  AppendTokens(validation_, &bytes);
  return bytes;
}

absl::StatusOr<Corpus> Corpus::Parse(const std::string& bytes) {
  if (bytes.size() < kHeaderBytes)
    return Corrupt(absl::StrCat(bytes.size(), " bytes are less than a header"));
  if (bytes.compare(0, kMagicBytes, kMagic) != 0) return Corrupt("these bytes are not a corpus");
  const int version = ReadNumber<uint8_t>(bytes, kMagicBytes);
  if (version != kFormatVersion) return Corrupt(absl::StrCat("unknown format version ", version));
  const auto vocabulary = ReadNumber<uint32_t>(bytes, kMagicBytes + 1);
  const auto symbol_bytes = ReadNumber<uint32_t>(bytes, kMagicBytes + 5);
  const auto train = ReadNumber<uint64_t>(bytes, kMagicBytes + 9);
  const auto validation = ReadNumber<uint64_t>(bytes, kMagicBytes + 17);
  if (vocabulary < 1 || vocabulary > kMaxVocabulary)
    return Corrupt(absl::StrCat("a vocabulary of ", vocabulary));
  // Compared before they are added: hostile counts must not wrap around.
  const uint64_t left = bytes.size() - kHeaderBytes;
  if (train > left || validation > left || symbol_bytes + 2 * (train + validation) != left) {
    return Corrupt(absl::StrCat("the header asks for ", train, " + ", validation, " tokens, but ",
                                left, " bytes follow it"));
  }
  Corpus corpus;
  corpus.vocabulary_ = static_cast<int>(vocabulary);
  corpus.train_ = TakeTokens(bytes, kHeaderBytes + symbol_bytes, train);
  corpus.validation_ = TakeTokens(bytes, kHeaderBytes + symbol_bytes + 2 * train, validation);
  const int largest = std::max(LargestToken(corpus.train_), LargestToken(corpus.validation_));
  if (largest >= corpus.vocabulary_) {
    return Corrupt(absl::StrCat("token ", largest, " is outside the vocabulary of ", vocabulary));
  }
  auto symbols = Characters(bytes.substr(kHeaderBytes, symbol_bytes));
  if (!symbols.ok()) return Corrupt(std::string(symbols.status().message()));
  if (!symbols->empty() && symbols->size() != vocabulary) {
    return Corrupt(absl::StrCat(symbols->size(), " symbols for a vocabulary of ", vocabulary));
  }
  for (char32_t symbol : *symbols) corpus.symbols_.push_back(ToUtf8(symbol));
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
  RETURN_IF_ERROR(CheckSplitFits("training", train_, sequence, model_vocabulary));
  return CheckSplitFits("validation", validation_, sequence, model_vocabulary);
}

}  // namespace edgetp
