// Byte-level byte-pair encoding, as GPT-2 does it: text is cut into pieces (pieces.h), and the
// bytes of each are merged pair by pair, the pair that was learned first before all others. Reads
// the files that OpenAI and Hugging Face publish. Immutable; thread-safe. Source: Radford et al.,
// Language Models are Unsupervised Multitask Learners, section 2.2; Sennrich et al., arXiv
// 1508.07909.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace edgetp {

// What ends a document. No text encodes to it.
inline constexpr char kEndOfText[] = "<|endoftext|>";

// A vocabulary and its merges, as their files have them; the names are for messages.
struct BpeFiles {
  std::string vocabulary_name;
  std::string vocabulary;  // JSON object: token, in GPT-2's writing of bytes, to its number
  std::string merges_name;
  std::string merges;  // a line for each: two tokens that become one
};

// The files of a folder: vocab.json and merges.txt, or encoder.json and vocab.bpe.
// Errors: NotFound naming the folder, with the two lines that fetch them; those of ReadWholeFile.
absl::StatusOr<BpeFiles> ReadBpeFiles(const std::string& folder);

class Bpe {
 public:
  // Errors: InvalidArgument naming file and line, or token: not of that form; a vocabulary of more
  // than 65536 tokens, with gaps, or without all bytes and kEndOfText; merges that do not belong to
  // the vocabulary.
  static absl::StatusOr<Bpe> Parse(const BpeFiles& files);

  int vocabulary() const { return static_cast<int>(bytes_.size()); }
  int end_of_text() const { return end_of_text_; }
  // The bytes that a token stands for: a part of a character, maybe. The token must be in the
  // vocabulary.
  const std::string& BytesOf(int token) const { return bytes_[token]; }
  // SHA-256 of what the tokens and merges are, however their files are written.
  const std::string& digest() const { return digest_; }

  // Any text, also one that is no UTF-8: its bytes are there again when its tokens are decoded.
  std::vector<int32_t> Encode(absl::string_view text) const;
  // Appends the tokens of one piece of text.
  void EncodePiece(absl::string_view piece, std::vector<int32_t>* tokens) const;

 private:
  struct Merge {
    int rank = 0;  // the lower, the sooner
    int token = 0;
  };

  Bpe() = default;
  absl::Status ReadVocabulary(const BpeFiles& files);
  absl::Status ReadMerges(const BpeFiles& files);
  absl::Status AddMerge(absl::string_view left, absl::string_view right);
  absl::Status CheckComplete(const BpeFiles& files) const;
  const Merge* FindMerge(int left, int right) const;
  void Digest();

  std::vector<std::string> bytes_;  // by token
  std::unordered_map<std::string, int> token_of_;
  std::vector<int> token_of_byte_;
  std::unordered_map<uint32_t, Merge> merges_;  // by left * 65536 + right
  std::vector<bool> made_;                      // by token: a byte, or what a merge makes
  int end_of_text_ = -1;
  std::string digest_;
};

}  // namespace edgetp
