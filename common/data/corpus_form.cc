// The canonical form of a corpus, in which it travels, and what it is called by it.
#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/data/bytes.h"
#include "common/data/corpus.h"
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

absl::string_view BytesOf(absl::Span<const uint16_t> tokens) {
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(uint16_t)};
}

std::vector<uint16_t> TakeTokens(const std::string& bytes, size_t at, size_t count) {
  std::vector<uint16_t> tokens(count);
  if (count > 0) std::memcpy(tokens.data(), bytes.data() + at, count * sizeof(uint16_t));
  return tokens;
}

absl::Status CorruptCorpus(const std::string& what) {
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
  if (bytes.size() - *at < kSizeBytes) return CorruptCorpus("a name is cut");
  const size_t size = ReadNumber<uint32_t>(bytes, *at);
  *at += kSizeBytes;
  if (bytes.size() - *at < size) return CorruptCorpus("a name is cut");
  *at += size;
  return bytes.substr(*at - size, size);
}

// What stands between the header and the symbols.
absl::StatusOr<TokenizerId> TakeNames(const std::string& bytes, int version, size_t* at) {
  if (version == kPlainVersion) return TokenizerId();
  ASSIGN_OR_RETURN(const std::string name, TakeText(bytes, at));
  if (version == kDescriptionVersion) RETURN_IF_ERROR(TakeText(bytes, at).status());
  auto tokenizer = TokenizerId::Parse(name);
  if (!tokenizer.ok()) return CorruptCorpus(std::string(tokenizer.status().message()));
  return tokenizer;
}

}  // namespace

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
  return {size, [header = std::move(header), corpus = *this](const ByteSink& sink) -> absl::Status {
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
    return CorruptCorpus(absl::StrCat(bytes.size(), " bytes are less than a header"));
  if (bytes.compare(0, kMagicBytes, kMagic) != 0)
    return CorruptCorpus("these bytes are not a corpus");
  const int version = ReadNumber<uint8_t>(bytes, kMagicBytes);
  if (version < kPlainVersion || version > kDescriptionVersion)
    return CorruptCorpus(absl::StrCat("unknown format version ", version));
  const auto vocabulary = ReadNumber<uint32_t>(bytes, kMagicBytes + 1);
  const auto symbol_bytes = ReadNumber<uint32_t>(bytes, kMagicBytes + 5);
  const bool described = version == kDescriptionVersion;  // its tokens are somewhere else
  const auto train = described ? 0 : ReadNumber<uint64_t>(bytes, kMagicBytes + 9);
  const auto validation = described ? 0 : ReadNumber<uint64_t>(bytes, kMagicBytes + 17);
  if (vocabulary < 1 || vocabulary > kMaxVocabulary)
    return CorruptCorpus(absl::StrCat("a vocabulary of ", vocabulary));
  Corpus corpus;
  size_t at = kHeaderBytes;
  ASSIGN_OR_RETURN(corpus.tokenizer_, TakeNames(bytes, version, &at));
  // Compared before they are added: hostile counts must not wrap around.
  const uint64_t left = bytes.size() - at;
  if (train > left || validation > left || symbol_bytes + 2 * (train + validation) != left) {
    return CorruptCorpus(absl::StrCat("the header asks for ", train, " + ", validation,
                                      " tokens, but ", left, " bytes follow it"));
  }
  corpus.vocabulary_ = static_cast<int>(vocabulary);
  corpus.Hold(TakeTokens(bytes, at + symbol_bytes, train),
              TakeTokens(bytes, at + symbol_bytes + 2 * train, validation));
  const int largest = std::max(Largest(corpus.train_), Largest(corpus.validation_));
  if (largest >= corpus.vocabulary_) {
    return CorruptCorpus(
        absl::StrCat("token ", largest, " is outside the vocabulary of ", vocabulary));
  }
  auto symbols = Characters(bytes.substr(at, symbol_bytes));
  if (!symbols.ok()) return CorruptCorpus(std::string(symbols.status().message()));
  if (!symbols->empty() && symbols->size() != vocabulary) {
    return CorruptCorpus(
        absl::StrCat(symbols->size(), " symbols for a vocabulary of ", vocabulary));
  }
  for (char32_t symbol : *symbols) corpus.symbols_.push_back(ToUtf8(symbol));
  if (!corpus.symbols_.empty()) corpus.tokenizer_ = CharsTokenizerId(corpus.symbols_);
  return corpus;
}

}  // namespace edgetp
