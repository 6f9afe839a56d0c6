#include "common/data/pieces.h"

#include <unicode/uchar.h>

#include <optional>

#include "common/data/utf8.h"

namespace edgetp {
namespace {

enum class Kind { kLetter, kNumber, kSpace, kOther };

struct Character {
  Kind kind = Kind::kOther;
  size_t end = 0;  // behind it
};

Kind KindOf(char32_t character) {
  const auto c = static_cast<UChar32>(character);
  const uint32_t category = U_GET_GC_MASK(c);
  if ((category & U_GC_L_MASK) != 0) return Kind::kLetter;
  if ((category & U_GC_N_MASK) != 0) return Kind::kNumber;
  return u_isUWhiteSpace(c) ? Kind::kSpace : Kind::kOther;
}

// `at` must be within the text.
Character CharacterAt(absl::string_view text, size_t at) {
  size_t end = at;
  const std::optional<char32_t> character = NextCharacter(text, &end);
  if (!character.has_value()) return {Kind::kOther, at + 1};
  return {KindOf(*character), end};
}

// Bytes of the contraction that the text begins with; 0 without one.
size_t Contraction(absl::string_view text) {
  for (const absl::string_view contraction : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.substr(0, contraction.size()) == contraction) return contraction.size();
  }
  return 0;
}

// Behind the characters of that kind from `at` on; `last` is where the last of them begins.
size_t EndOfRun(absl::string_view text, size_t at, Kind kind, size_t* last) {
  while (at < text.size()) {
    const Character next = CharacterAt(text, at);
    if (next.kind != kind) break;
    *last = at;
    at = next.end;
  }
  return at;
}

}  // namespace

Piece FirstPiece(absl::string_view text) {
  constexpr size_t kLongestContraction = 3;
  if (text.empty()) return {};
  if (const size_t bytes = Contraction(text); bytes > 0) return {bytes, kLongestContraction};
  // One space belongs to the word behind it.
  const bool spaced =
      text[0] == ' ' && text.size() > 1 && CharacterAt(text, 1).kind != Kind::kSpace;
  const size_t begin = spaced ? 1 : 0;
  const Kind kind = CharacterAt(text, begin).kind;
  size_t last = begin;
  const size_t end = EndOfRun(text, begin, kind, &last);
  // Of several spaces before a word, the last one is left to the word, or stands alone.
  const bool leaves_one = kind == Kind::kSpace && end < text.size() && last > 0;
  // A text that begins with an apostrophe may be the beginning of a contraction.
  return {leaves_one ? last : end, end < kLongestContraction ? kLongestContraction : end};
}

}  // namespace edgetp
