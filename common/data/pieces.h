// Where GPT-2 cuts text into the pieces that its merges work on:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// Source: https://github.com/openai/gpt-2, src/encoder.py. What is a letter, a number or a space is
// Unicode's to say, so ICU is asked: its tables follow Unicode, and Debian keeps them up to date. A
// byte that is not UTF-8 is a character that is none of the three. Pure.
#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace edgetp {

struct Piece {
  size_t bytes = 0;   // of the text's first piece; 0 for an empty text
  size_t looked = 0;  // how far one had to read to be sure: nothing behind it matters
};

// The first piece of `text`, as if the text ended where it ends. Whoever has more of it to come may
// believe this where `looked` is less than the text, by at least one character.
Piece FirstPiece(absl::string_view text);

}  // namespace edgetp
