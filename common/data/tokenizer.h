// What turns text into tokens and back: GPT-2's byte-pair encoding, or a number for each character.
// A corpus and a checkpoint name theirs; commands that speak text ask it. Immutable; thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/data/bpe.h"
#include "common/data/tokenizer_id.h"

namespace edgetp {

// Makes tokens of a document that comes in parts, cut anywhere. One owner.
class TextEncoder {
 public:
  virtual ~TextEncoder() = default;
  // Appends the tokens that are sure by now.
  // Errors: InvalidArgument: a character that the tokenizer does not know; a word that is longer
  // than memory should hold (kMaxWordBytes).
  virtual absl::Status Append(absl::string_view text, std::vector<uint16_t>* tokens) = 0;
  // The rest of the document. The next one may begin.
  virtual absl::Status Finish(std::vector<uint16_t>* tokens) = 0;
};

// Letters, say, without anything else between them. A longer word is no text.
inline constexpr size_t kMaxWordBytes = 16 << 20;

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual const TokenizerId& id() const = 0;
  virtual int vocabulary() const = 0;
  // The token between documents.
  // Errors: InvalidArgument if the tokenizer has none.
  virtual absl::StatusOr<int> Separator() const = 0;
  // Errors: InvalidArgument naming a character that the tokenizer does not know, and its position.
  virtual absl::StatusOr<std::vector<int32_t>> Encode(const std::string& text) const = 0;
  // What each token stands for; bytes, which may be a part of a character.
  virtual std::vector<std::string> Texts() const = 0;
  virtual std::unique_ptr<TextEncoder> NewEncoder() const = 0;
};

// GPT-2's, from the files of a folder.
// Errors: those of ReadBpeFiles and Bpe::Parse.
absl::StatusOr<std::unique_ptr<Tokenizer>> LoadGpt2Tokenizer(const std::string& folder);
absl::StatusOr<std::unique_ptr<Tokenizer>> MakeGpt2Tokenizer(const BpeFiles& files);

// Numbers the characters in this order.
// Errors: InvalidArgument: a symbol that is no single character, or is there twice; more than
// 65536.
absl::StatusOr<std::unique_ptr<Tokenizer>> MakeCharsTokenizer(std::vector<std::string> symbols);

}  // namespace edgetp
