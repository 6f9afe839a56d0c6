// A file of tokens (token_file.h) that stays on the disk: it is mapped, and its pages are read when
// somebody looks at them. So 20 GB open as fast as 20 KB. Immutable; thread-safe. Whoever serves
// the tokens to others calls Read: a file that became shorter meanwhile is an error there, where
// the mapping would end the process.
#pragma once

#include <time.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace edgetp {

class StoredTokens {
 public:
  // Checks the file as ReadTokenFile does, a large one by a sample.
  // Errors: those of ReadTokenFile.
  static absl::StatusOr<std::shared_ptr<const StoredTokens>> Open(const std::string& path);
  ~StoredTokens();
  StoredTokens(const StoredTokens&) = delete;

  absl::Span<const uint16_t> tokens() const { return tokens_; }

  // Copies the tokens from `first` on.
  // Errors: OutOfRange if they end beyond the file; DataLoss if the file became shorter.
  absl::Status Read(int64_t first, absl::Span<uint16_t> out) const;
  // Errors: DataLoss if somebody has written to the file since it was opened.
  absl::Status CheckUnchanged() const;

 private:
  StoredTokens(std::string path, int file) : path_(std::move(path)), file_(file) {}
  absl::Status Map();

  const std::string path_;
  const int file_;
  void* mapping_ = nullptr;
  size_t bytes_ = 0;
  timespec written_ = {};              // when somebody last wrote to the file
  absl::Span<const uint16_t> tokens_;  // of the mapping, behind a header
};

// Whether two files are, by all likelihood, those that somebody else has seen: SHA-256, hex, of
// their sizes and of a sample of both. Errors: those of StoredTokens::Read.
absl::StatusOr<std::string> DigestOfTokens(const StoredTokens& train,
                                           const StoredTokens& validation);

}  // namespace edgetp
