// Bytes that are too many to be held at once: read at any place, or sent from the first to the last.
// What files, blobs and weights have in common, so that nobody has to have all of them in memory.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace edgetp {

// What large values are read, gathered and sent in: enough that a round trip for each costs nothing,
// and little beside a model.
inline constexpr int64_t kPieceBytes = 16 << 20;

// Thread-safe.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual uint64_t size() const = 0;
  // Fills `out` with the bytes from `offset` on.
  // Errors: OutOfRange if they end beyond the source; those of what it reads from.
  virtual absl::Status Read(uint64_t offset, absl::Span<char> out) const = 0;
};

std::shared_ptr<const ByteSource> BytesInMemory(std::string bytes);
// A file, which stays open.
// Errors: those of the system, naming the path; InvalidArgument if it is a folder.
absl::StatusOr<std::shared_ptr<const ByteSource>> OpenFileBytes(const std::string& path);

// Takes bytes one after another. What it returns ends the sending.
using ByteSink = std::function<absl::Status(absl::string_view bytes)>;

// Bytes that can be sent as often as needed, the same ones each time: once to learn their digest, and
// once to whom they are for.
struct ByteStream {
  uint64_t size = 0;
  std::function<absl::Status(const ByteSink& sink)> send;
};

ByteStream StreamOf(std::shared_ptr<const ByteSource> source);

// All of them, of a stream that fits into memory.
absl::StatusOr<std::string> Collect(const ByteStream& stream);

}  // namespace edgetp
