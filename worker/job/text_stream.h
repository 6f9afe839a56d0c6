// Text of tokens as they come: whole UTF-8 characters, and nothing from a stop text on. Pure; one
// owner.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace edgetp {

class TextStream {
 public:
  // `stops`: valid UTF-8, none empty. A stop text may begin within one token and end within
  // another.
  explicit TextStream(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  // Takes in the bytes of a token. Returns the text that is certain now: what may be the beginning
  // of a stop text, or is half a character, waits for the tokens that follow. Bytes that are no
  // UTF-8 become U+FFFD. After a stop text, nothing.
  std::string Add(absl::string_view bytes);
  // There are no more tokens: returns what has waited, but half a character.
  std::string Finish();

  bool stopped() const { return stopped_; }
  // All that was returned so far.
  const std::string& text() const { return text_; }

 private:
  // The first `size` bytes of what waits, up to a character that they cut.
  std::string Release(size_t size);
  // How much of the end of what waits may be the beginning of a stop text.
  size_t Doubtful() const;

  const std::vector<std::string> stops_;
  std::string waiting_;
  std::string text_;
  bool stopped_ = false;
};

}  // namespace edgetp
