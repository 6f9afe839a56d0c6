// Files of tokens: little-endian uint16, as nanoGPT writes them, or behind llm.c's header. What
// looks like something else is refused, because training on it would succeed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace edgetp {

// Errors: those of the system naming the file; InvalidArgument: empty, an odd size, an llm.c header
// that does not fit, another kind of file, numbers of another width or byte order.
absl::StatusOr<std::vector<uint16_t>> ReadTokenFile(const std::string& path);

// The same of bytes that were read. `path` is for messages.
absl::StatusOr<std::vector<uint16_t>> ParseTokens(const std::string& bytes,
                                                  const std::string& path);

// A vocabulary that is only the largest token plus one may come from a few tokens that do not
// belong there.
// Errors: InvalidArgument naming them.
absl::Status CheckVocabulary(const std::vector<uint16_t>& train,
                             const std::vector<uint16_t>& validation);

}  // namespace edgetp
