// Files: what every reader of a configuration, a text, weights or a key shares. A folder where
// a file is meant is an error like any other: containers make one of a bind mount without source.
// Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/byte_source.h"

namespace edgetp {

// Errors: those of the system, naming the path; InvalidArgument if it is a folder or larger than
// `limit` bytes.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, uint64_t limit);

// At most `bytes` from `offset` on, fewer where the file ends before.
// Errors: as above.
absl::StatusOr<std::string> ReadFileRange(const std::string& path, uint64_t offset, uint64_t bytes);
// The same from its beginning.
absl::StatusOr<std::string> ReadFileStart(const std::string& path, uint64_t bytes);

// Writes to a temporary file beside `path`, then renames: readers see the old file or the new one.
// Errors: those of the system, naming the path, and of the stream; nothing is left behind.
absl::Status WriteFileStream(const std::string& path, const ByteStream& bytes);
absl::Status WriteWholeFile(const std::string& path, const std::string& bytes);

}  // namespace edgetp
