// Whole files, and little-endian numbers inside byte strings: what the data formats of this folder
// share.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace edgetp {

// Errors: those of the system, naming the path; InvalidArgument if it is a folder or larger than
// `limit` bytes.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, uint64_t limit);

// Writes to a temporary name beside `path`, then renames: readers see the old file or the new one.
// Errors: those of the system, naming the path; nothing is left behind.
absl::Status WriteWholeFile(const std::string& path, const std::string& bytes);

// The project runs on little-endian machines alone (x86-64, AArch64), so memory order is file
// order.
template <typename Number>
void AppendNumber(Number value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// `at + sizeof(Number)` must be within `bytes`.
template <typename Number>
Number ReadNumber(const std::string& bytes, size_t at) {
  Number value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

}  // namespace edgetp
