// Text as Unicode characters: a character is what a token of a text corpus stands for. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace edgetp {

inline constexpr char32_t kEndOfUnicode = 0x110000;

// The character at `*position`, which moves behind it; nothing if the bytes there are not valid
// UTF-8.
// `*position` must be below text.size().
std::optional<char32_t> NextCharacter(absl::string_view text, size_t* position);

// All of them.
// Errors: InvalidArgument naming the first byte that is not valid UTF-8.
absl::StatusOr<std::vector<char32_t>> Characters(absl::string_view text);

// Its UTF-8 bytes.
std::string ToUtf8(char32_t character);

}  // namespace edgetp
