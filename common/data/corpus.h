// The tokens that a run trains on: a text, or a folder of token files, which stay on the disk. In
// one canonical form it travels to every worker as a blob; of a folder that the server can read, the
// form without tokens does (JobSpec.corpus_files). Immutable after construction; cheap to copy;
// thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/byte_source.h"
#include "common/data/stored_tokens.h"
#include "common/data/token_source.h"
#include "common/data/tokenizer_id.h"

namespace edgetp {

// Files of tokens, and where they are.
struct CorpusFolder {
  std::string path;  // absolute
  std::shared_ptr<const StoredTokens> train;
  std::shared_ptr<const StoredTokens> validation;
};

class Corpus final : public TokenSource {
 public:

  // UTF-8: each distinct character is a symbol, numbered in Unicode's order; the first nine tenths
  // of the characters train, as in nanoGPT.
  // Errors: InvalidArgument if the text is empty, not UTF-8 (names the byte), or has more than
  // 65536 symbols.
  static absl::StatusOr<Corpus> FromText(const std::string& text);

  // A text file, or a folder with train.bin and val.bin of nanoGPT or llm.c (token_file.h). Where
  // `edgetp prepare` wrote the folder, its manifest says vocabulary, tokenizer and symbols; else
  // the vocabulary is the largest token plus one, and there are no symbols. A large folder is looked
  // at by a sample.
  // Errors: NotFound, PermissionDenied, ... naming the file; InvalidArgument: a text above 4 GiB,
  // not UTF-8, those of StoredTokens::Open and ReadManifest, files that are not the manifest's.
  static absl::StatusOr<Corpus> Load(const std::string& path);

  // What a tokenizer made of texts. Tokens must be below `vocabulary`.
  static Corpus FromTokens(TokenizerId tokenizer, int vocabulary, std::vector<uint16_t> train,
                           std::vector<uint16_t> validation);

  // The same text in the vocabulary that weights were trained with: a character gets its number
  // there. One that has them already stays where it is.
  // Errors: InvalidArgument naming the first character that `symbols` lack, and symbols that are
  // not one character each; FailedPrecondition without symbols.
  absl::StatusOr<Corpus> InVocabulary(const std::vector<std::string>& symbols) const;

  // The canonical form: magic, version, sizes, tokenizer, symbols, tokens. Equal corpora have equal
  // bytes. As a stream: what is large need not be put together first.
  std::string Serialize() const;
  ByteStream Bytes() const;
  // The same corpus without its tokens, which are somewhere else: Parse makes one of no token. Other
  // tokens have another description, by their number and `digest` (DigestOfTokens).
  std::string Description(const std::string& digest) const;
  // What a corpus is called (JobSpec.corpus_blob): the id of its bytes; of a folder, that of its
  // description, for which a sample is read.
  // Errors: those of DigestOfTokens.
  absl::StatusOr<std::string> Id() const;
  // Errors: DataLoss naming what is wrong (magic, version, size, token outside the vocabulary).
  static absl::StatusOr<Corpus> Parse(const std::string& bytes);

  int vocabulary() const { return vocabulary_; }
  // The character of each token, as UTF-8; empty for a corpus that came as tokens.
  const std::vector<std::string>& symbols() const { return symbols_; }
  // Whose tokens they are; unknown for a folder that something else wrote.
  const TokenizerId& tokenizer() const { return tokenizer_; }
  absl::Span<const uint16_t> tokens(Split split) const {
    return split == Split::kTrain ? train_ : validation_;
  }
  // Where the tokens lie on the disk; nullptr: they are in memory alone.
  const CorpusFolder* folder() const { return folder_.get(); }

  int64_t size(Split split) const override { return static_cast<int64_t>(tokens(split).size()); }
  absl::StatusOr<std::vector<uint16_t>> ReadWindows(Split split, absl::Span<const int64_t> starts,
                                                    int tokens) const override;

  // Errors: InvalidArgument naming the first unknown symbol and its position; FailedPrecondition
  // without symbols.
  absl::StatusOr<std::vector<int32_t>> Encode(const std::string& text) const;
  // Errors: InvalidArgument naming the first token outside the vocabulary; FailedPrecondition
  // without symbols.
  absl::StatusOr<std::string> Decode(absl::Span<const int32_t> tokens) const;

  // Whether the vocabulary of a corpus that came as tokens can be believed, where nothing else says
  // how large it is.
  // Errors: InvalidArgument naming the tokens that make it so large; or that a sample cannot tell.
  absl::Status CheckVocabulary() const;

  // Whether both splits have a window of T tokens and its T targets, and the model knows every
  // token; of large files, every token of the sample.
  // Errors: InvalidArgument naming the split, what it has and what it needs.
  absl::Status CheckFits(int sequence, int model_vocabulary) const;

 private:
  Corpus() = default;
  static absl::StatusOr<Corpus> LoadFolder(const std::string& path);
  absl::Status ReadManifestOf(const std::string& path);
  void Hold(std::vector<uint16_t> train, std::vector<uint16_t> validation);
  std::string Header(uint8_t version) const;

  int vocabulary_ = 0;
  bool counted_ = true;  // all tokens were looked at, or somebody says how large the vocabulary is
  std::vector<std::string> symbols_;
  TokenizerId tokenizer_;
  std::shared_ptr<const CorpusFolder> folder_;
  std::shared_ptr<const void> held_;  // tokens in memory
  absl::Span<const uint16_t> train_;
  absl::Span<const uint16_t> validation_;
};

}  // namespace edgetp
