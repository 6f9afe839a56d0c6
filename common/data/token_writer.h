// Writes a file of tokens as nanoGPT reads it: little-endian uint16, no header. One owner.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace edgetp {

class TokenWriter {
 public:
  // Errors: those of the system, naming the path; of the others, too.
  static absl::StatusOr<TokenWriter> Open(const std::string& path);
  absl::Status Write(absl::Span<const uint16_t> tokens);
  // Blocks until: all of it is on the disk.
  absl::Status Finish();

  int64_t tokens() const { return tokens_; }

 private:
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  TokenWriter(std::string path, File file) : path_(std::move(path)), file_(std::move(file)) {}
  absl::Status Failed() const;

  std::string path_;
  File file_;
  int64_t tokens_ = 0;
};

}  // namespace edgetp
