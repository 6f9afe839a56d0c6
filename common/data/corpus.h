// The tokens that a run trains on, in one canonical form that travels to every worker as a blob.
// Immutable after construction; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace edgetp {

enum class Split { kTrain, kValidation };

class Corpus {
 public:
  // UTF-8: each distinct character is a symbol, numbered in Unicode's order; the first nine tenths
  // of the characters train, as in nanoGPT.
  // Errors: InvalidArgument if the text is empty, not UTF-8 (names the byte), or has more than
  // 65536 symbols.
  static absl::StatusOr<Corpus> FromText(const std::string& text);

  // A text file, or a folder with train.bin and val.bin of nanoGPT or llm.c (token_file.h). The
  // vocabulary of a folder is its largest token plus one; it has no symbols.
  // Errors: NotFound, PermissionDenied, ... naming the file; InvalidArgument: above 4 GiB, not
  // UTF-8, those of ReadTokenFile.
  static absl::StatusOr<Corpus> Load(const std::string& path);

  // The same text in the vocabulary that weights were trained with: a character gets its number
  // there.
  // Errors: InvalidArgument naming the first character that `symbols` lack, and symbols that are
  // not one character each; FailedPrecondition without symbols.
  absl::StatusOr<Corpus> InVocabulary(const std::vector<std::string>& symbols) const;

  // The canonical form: magic, version, sizes, symbols, tokens. Equal corpora have equal bytes.
  std::string Serialize() const;
  // Errors: DataLoss naming what is wrong (magic, version, size, token outside the vocabulary).
  static absl::StatusOr<Corpus> Parse(const std::string& bytes);

  int vocabulary() const { return vocabulary_; }
  // The character of each token, as UTF-8; empty for a corpus that came as tokens.
  const std::vector<std::string>& symbols() const { return symbols_; }
  const std::vector<uint16_t>& tokens(Split split) const {
    return split == Split::kTrain ? train_ : validation_;
  }

  // Errors: InvalidArgument naming the first unknown symbol and its position; FailedPrecondition
  // without symbols.
  absl::StatusOr<std::vector<int32_t>> Encode(const std::string& text) const;
  // Errors: InvalidArgument naming the first token outside the vocabulary; FailedPrecondition
  // without symbols.
  absl::StatusOr<std::string> Decode(absl::Span<const int32_t> tokens) const;

  // Whether the vocabulary of a corpus that came as tokens can be believed, where nothing else says
  // how large it is.
  // Errors: InvalidArgument naming the tokens that make it so large.
  absl::Status CheckVocabulary() const;

  // Whether both splits have a window of T tokens and its T targets, and the model knows every
  // token.
  // Errors: InvalidArgument naming the split, what it has and what it needs.
  absl::Status CheckFits(int sequence, int model_vocabulary) const;

 private:
  Corpus() = default;

  int vocabulary_ = 0;
  std::vector<std::string> symbols_;
  std::vector<uint16_t> train_;
  std::vector<uint16_t> validation_;
};

}  // namespace edgetp
