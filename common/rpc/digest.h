// SHA-256 of what travels as a blob. Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/byte_source.h"

namespace edgetp {

// Digest of bytes that arrive in pieces. Not thread-safe; one owner each.
class Sha256 {
 public:
  Sha256();
  void Update(const void* data, size_t size);
  // 64 lower-case hex digits. Call once, last.
  std::string HexDigest();

 private:
  struct Deleter {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Deleter> context_;
};

std::string Sha256Hex(const std::string& bytes);
// Errors: those of the stream.
absl::StatusOr<std::string> Sha256Hex(const ByteStream& bytes);

// Errors: NotFound or PermissionDenied if the file cannot be opened, DataLoss if reading fails.
absl::StatusOr<std::string> Sha256HexOfFile(const std::string& path);

// "sha256:<hex>": the id of a blob with these bytes.
std::string BlobIdOf(const std::string& bytes);
absl::StatusOr<std::string> BlobIdOf(const ByteStream& bytes);

// True for 64 lower-case hex digits.
bool IsSha256Hex(const std::string& text);

}  // namespace edgetp
