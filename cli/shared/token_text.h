// Text as the tokens of a model, and its tokens as bytes: the one place where `sample` does either.
// Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace edgetp {

class TokenText {
 public:
  // The symbols of the text that a model was trained on, in token order.
  explicit TokenText(std::vector<std::string> symbols);

  // The longest symbol that fits comes first.
  // Errors: InvalidArgument naming `place` and the byte of what the model does not know; for no
  // text.
  absl::StatusOr<std::vector<int>> Encode(const std::string& text, const std::string& place) const;

  // Of each token.
  const std::vector<std::string>& bytes() const { return symbols_; }

 private:
  const std::vector<std::string> symbols_;
  std::map<std::string, int> token_of_;
  size_t longest_ = 0;
};

}  // namespace edgetp
