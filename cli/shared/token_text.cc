#include "cli/shared/token_text.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace edgetp {

TokenText::TokenText(std::vector<std::string> symbols) : symbols_(std::move(symbols)) {
  for (size_t i = 0; i < symbols_.size(); ++i) {
    token_of_.emplace(symbols_[i], static_cast<int>(i));
    longest_ = std::max(longest_, symbols_[i].size());
  }
}

absl::StatusOr<std::vector<int>> TokenText::Encode(const std::string& text,
                                                   const std::string& place) const {
  std::vector<int> tokens;
  for (size_t at = 0; at < text.size();) {
    auto found = token_of_.end();
    for (size_t size = longest_; size > 0 && found == token_of_.end(); --size)
      found = token_of_.find(text.substr(at, size));
    if (found == token_of_.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          place, ": the model does not know the symbol at byte ", at, " (\"", text.substr(at, 1),
          "\"); its vocabulary has ", symbols_.size(), " symbols"));
    }
    tokens.push_back(found->second);
    at += found->first.size();
  }
  if (tokens.empty()) return absl::InvalidArgumentError(place + ": must not be empty");
  return tokens;
}

}  // namespace edgetp
