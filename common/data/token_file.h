// Files of tokens: little-endian uint16, as nanoGPT writes them, or behind llm.c's header. What
// looks like something else is refused, because training on it would succeed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace edgetp {

inline constexpr int kMaxVocabulary = 65536;                  // a token has 16 bits
inline constexpr uint64_t kMaxDataBytes = uint64_t{4} << 30;  // of a text, or of a file of tokens

// "data PATH: ...": what is wrong with what somebody wants to train on.
absl::Status InvalidData(const std::string& path, const std::string& what);

// Errors: those of the system naming the file; InvalidArgument: empty, an odd size, an llm.c header
// that does not fit, another kind of file, numbers of another width or byte order.
absl::StatusOr<std::vector<uint16_t>> ReadTokenFile(const std::string& path);

// The same of bytes that were read. `path` is for messages.
absl::StatusOr<std::vector<uint16_t>> ParseTokens(const std::string& bytes,
                                                  const std::string& path);

// The same where they are, without a copy: a mapping, or a string that outlives the view.
absl::StatusOr<absl::Span<const uint16_t>> ViewTokens(absl::string_view bytes,
                                                      const std::string& path);

struct TokenRange {
  size_t first = 0;
  size_t count = 0;
};

// Whether all tokens of a file are looked at, because that takes no time. Of a larger one a sample
// is; the rest is checked when it is trained on.
inline bool IsReadWhole(size_t tokens) { return tokens <= size_t{32} << 20; }

// What is looked at of so many tokens.
std::vector<TokenRange> SampleOf(size_t tokens);
// Spread evenly; all of it where that is no more.
std::vector<TokenRange> SpreadRanges(size_t tokens, size_t ranges, size_t count);

// Of those that are looked at; -1: there is none.
int LargestToken(absl::Span<const uint16_t> tokens);
// The place of the first that is not in the vocabulary, of those that are looked at.
std::optional<size_t> FindOutside(absl::Span<const uint16_t> tokens, int vocabulary);

// A vocabulary that is only the largest token plus one may come from a few tokens that do not
// belong there.
// Errors: InvalidArgument naming them.
absl::Status CheckVocabulary(absl::Span<const uint16_t> train,
                             absl::Span<const uint16_t> validation);

}  // namespace edgetp
