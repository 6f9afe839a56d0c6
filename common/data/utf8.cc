#include "common/data/utf8.h"

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

// Bytes of the sequence that `lead` begins; 0 for a byte that begins none.
size_t SequenceLength(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  return lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
}

}  // namespace

std::optional<char32_t> NextCharacter(absl::string_view text, size_t* position) {
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800,
                                    0x10000};  // by length: a longer form than needed is invalid
  const auto lead = static_cast<unsigned char>(text[*position]);
  const size_t length = SequenceLength(lead);
  if (length == 0 || *position + length > text.size()) return std::nullopt;
  char32_t character = length == 1 ? lead : lead & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[*position + i]);
    if ((next & 0xC0) != 0x80) return std::nullopt;
    character = character << 6 | (next & 0x3F);
  }
  const bool surrogate = character >= 0xD800 && character < 0xE000;
  if (character < kSmallest[length] || surrogate || character >= kEndOfUnicode) return std::nullopt;
  *position += length;
  return character;
}

absl::StatusOr<std::vector<char32_t>> Characters(absl::string_view text) {
  std::vector<char32_t> characters;
  characters.reserve(text.size());
  for (size_t position = 0; position < text.size();) {
    const size_t start = position;
    const auto character = NextCharacter(text, &position);
    if (!character.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("not UTF-8 text: invalid byte at position ", start + 1));
    }
    characters.push_back(*character);
  }
  return characters;
}

std::string ToUtf8(char32_t character) {
  const auto tail = [&](int shift) {
    return static_cast<char>(0x80 | (character >> shift & 0x3F));
  };
  if (character < 0x80) return {static_cast<char>(character)};
  if (character < 0x800) return {static_cast<char>(0xC0 | character >> 6), tail(0)};
  if (character < 0x10000) return {static_cast<char>(0xE0 | character >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | character >> 18), tail(12), tail(6), tail(0)};
}

}  // namespace edgetp
