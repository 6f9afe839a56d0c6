#include "common/data/tokenizer.h"

#include <unordered_map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/data/pieces.h"
#include "common/data/token_file.h"
#include "common/data/utf8.h"

namespace edgetp {
namespace {

constexpr size_t kMaxCharacterBytes = 4;

// A few megabytes: most of a text are a few ten thousand words.
constexpr size_t kMaxKnownWords = 1 << 16;
constexpr size_t kMaxKnownWordBytes = 32;

class Gpt2Encoder final : public TextEncoder {
 public:
  explicit Gpt2Encoder(const Bpe& bpe) : bpe_(bpe) {}

  absl::Status Append(absl::string_view text, std::vector<uint16_t>* tokens) override {
    pending_.append(text.data(), text.size());
    const size_t size = pending_.size();
    size_t at = 0;
    while (at < size) {
      const Piece piece = FirstPiece(absl::string_view(pending_).substr(at));
      // The last character may be cut, and what follows the piece decides where it ends.
      if (at + piece.looked + kMaxCharacterBytes > size) break;
      AppendPiece(absl::string_view(pending_).substr(at, piece.bytes), tokens);
      at += piece.bytes;
    }
    pending_.erase(0, at);
    if (pending_.size() <= kMaxWordBytes) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", kMaxWordBytes >> 20,
                     " MiB of characters of one kind (letters, digits, blanks or others) in a row: "
                     "is this a text?"));
  }

  absl::Status Finish(std::vector<uint16_t>* tokens) override {
    absl::string_view rest = pending_;
    while (!rest.empty()) {
      const Piece piece = FirstPiece(rest);
      AppendPiece(rest.substr(0, piece.bytes), tokens);
      rest.remove_prefix(piece.bytes);
    }
    pending_.clear();
    return absl::OkStatus();
  }

 private:
  void AppendPiece(absl::string_view piece, std::vector<uint16_t>* tokens) {
    word_.assign(piece.data(), piece.size());
    auto known = words_.find(word_);
    if (known == words_.end()) {
      std::vector<int32_t> pieces;
      bpe_.EncodePiece(piece, &pieces);
      if (piece.size() > kMaxKnownWordBytes) {
        tokens->insert(tokens->end(), pieces.begin(), pieces.end());
        return;
      }
      if (words_.size() >= kMaxKnownWords) words_.clear();
      known = words_.emplace(word_, std::vector<uint16_t>(pieces.begin(), pieces.end())).first;
    }
    tokens->insert(tokens->end(), known->second.begin(), known->second.end());
  }

  const Bpe& bpe_;
  std::string pending_;  // of which the tokens are not sure
  std::string word_;     // keeps its memory
  std::unordered_map<std::string, std::vector<uint16_t>> words_;
};

class Gpt2Tokenizer final : public Tokenizer {
 public:
  explicit Gpt2Tokenizer(Bpe bpe) : bpe_(std::move(bpe)), id_{kGpt2Tokenizer, bpe_.digest()} {}

  const TokenizerId& id() const override { return id_; }
  int vocabulary() const override { return bpe_.vocabulary(); }
  absl::StatusOr<int> Separator() const override { return bpe_.end_of_text(); }
  absl::StatusOr<std::vector<int32_t>> Encode(const std::string& text) const override {
    return bpe_.Encode(text);
  }
  std::vector<std::string> Texts() const override {
    std::vector<std::string> texts;
    for (int token = 0; token < vocabulary(); ++token) texts.push_back(bpe_.BytesOf(token));
    return texts;
  }
  std::unique_ptr<TextEncoder> NewEncoder() const override {
    return std::make_unique<Gpt2Encoder>(bpe_);
  }

 private:
  const Bpe bpe_;
  const TokenizerId id_;
};

using TokenOf = std::unordered_map<std::string, uint16_t>;

class CharsEncoder final : public TextEncoder {
 public:
  explicit CharsEncoder(const TokenOf& token_of) : token_of_(token_of) {}

  absl::Status Append(absl::string_view text, std::vector<uint16_t>* tokens) override {
    pending_.append(text.data(), text.size());
    return Take(pending_.size() < kMaxCharacterBytes ? 0 : pending_.size() - kMaxCharacterBytes + 1,
                tokens);
  }
  absl::Status Finish(std::vector<uint16_t>* tokens) override {
    return Take(pending_.size(), tokens);
  }

 private:
  // The characters that begin before `end`.
  absl::Status Take(size_t end, std::vector<uint16_t>* tokens) {
    size_t at = 0;
    while (at < end) {
      const size_t begin = at;
      const bool character = NextCharacter(pending_, &at).has_value();
      ++position_;
      const auto found = token_of_.find(pending_.substr(begin, at - begin));
      if (!character || found == token_of_.end()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "character '",
            absl::Utf8SafeCEscape(pending_.substr(begin, character ? at - begin : 1)),
            "' at position ", position_, " is not among the ", token_of_.size(), " symbols"));
      }
      tokens->push_back(found->second);
    }
    pending_.erase(0, at);
    return absl::OkStatus();
  }

  const TokenOf& token_of_;
  std::string pending_;
  int64_t position_ = 0;
};

class CharsTokenizer final : public Tokenizer {
 public:
  CharsTokenizer(std::vector<std::string> symbols, TokenOf token_of)
      : symbols_(std::move(symbols)),
        token_of_(std::move(token_of)),
        id_(CharsTokenizerId(symbols_)) {}

  const TokenizerId& id() const override { return id_; }
  int vocabulary() const override { return static_cast<int>(symbols_.size()); }
  absl::StatusOr<int> Separator() const override {
    const auto found = token_of_.find("\n");
    if (found != token_of_.end()) return found->second;
    return absl::InvalidArgumentError("the symbols have no new line, which separates documents");
  }
  absl::StatusOr<std::vector<int32_t>> Encode(const std::string& text) const override {
    CharsEncoder encoder(token_of_);
    std::vector<uint16_t> tokens;
    RETURN_IF_ERROR(encoder.Append(text, &tokens));
    RETURN_IF_ERROR(encoder.Finish(&tokens));
    return std::vector<int32_t>(tokens.begin(), tokens.end());
  }
  std::vector<std::string> Texts() const override { return symbols_; }
  std::unique_ptr<TextEncoder> NewEncoder() const override {
    return std::make_unique<CharsEncoder>(token_of_);
  }

 private:
  const std::vector<std::string> symbols_;
  const TokenOf token_of_;
  const TokenizerId id_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> LoadGpt2Tokenizer(const std::string& folder) {
  ASSIGN_OR_RETURN(const BpeFiles files, ReadBpeFiles(folder));
  return MakeGpt2Tokenizer(files);
}

absl::StatusOr<std::unique_ptr<Tokenizer>> MakeGpt2Tokenizer(const BpeFiles& files) {
  ASSIGN_OR_RETURN(Bpe bpe, Bpe::Parse(files));
  return std::make_unique<Gpt2Tokenizer>(std::move(bpe));
}

absl::StatusOr<std::unique_ptr<Tokenizer>> MakeCharsTokenizer(std::vector<std::string> symbols) {
  if (symbols.size() > kMaxVocabulary) {
    return absl::InvalidArgumentError(
        absl::StrCat(symbols.size(), " symbols: at most 65536 fit a token"));
  }
  TokenOf token_of;
  for (const std::string& symbol : symbols) {
    size_t end = 0;
    const bool character =
        !symbol.empty() && NextCharacter(symbol, &end).has_value() && end == symbol.size();
    if (!character || !token_of.emplace(symbol, static_cast<uint16_t>(token_of.size())).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("symbol '", absl::Utf8SafeCEscape(symbol),
                       character ? "' is there twice" : "' is not one character"));
    }
  }
  return std::make_unique<CharsTokenizer>(std::move(symbols), std::move(token_of));
}

}  // namespace edgetp
