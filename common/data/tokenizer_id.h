// Which tokenizer made a corpus, and the tokens that a model was trained on: what files say of it.
// Plain data.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace edgetp {

inline constexpr char kGpt2Tokenizer[] = "gpt2";
inline constexpr char kCharsTokenizer[] = "chars";

// Which tokenizer tokens come from; nobody knows it where `name` is empty.
struct TokenizerId {
  std::string name;    // kGpt2Tokenizer, kCharsTokenizer
  std::string digest;  // SHA-256 of what its tokens are, hex

  bool known() const { return !name.empty(); }
  bool operator==(const TokenizerId&) const = default;
  // "gpt2 <hex>", as files have it; empty where unknown.
  std::string ToString() const { return known() ? name + " " + digest : ""; }
  // Errors: DataLoss unless it is what ToString gives.
  static absl::StatusOr<TokenizerId> Parse(const std::string& text);
};

// Whether tokens of one mean the same to the other. Either may be unknown.
// Errors: InvalidArgument naming both and where they are from, if both are known and differ.
absl::Status CheckSameTokenizer(const TokenizerId& one, const std::string& origin,
                                const TokenizerId& other, const std::string& other_origin);

// Which tokenizer has these symbols.
TokenizerId CharsTokenizerId(const std::vector<std::string>& symbols);

// In the metadata of weights (edgetp.tokenizer): whose tokens they were trained on. Symbols name
// it, if there are some; else it is unknown where nothing is said. Errors: those of
// TokenizerId::Parse.
absl::StatusOr<TokenizerId> ReadTokenizerId(const std::vector<std::string>& symbols,
                                            const std::map<std::string, std::string>& metadata);
void WriteTokenizerId(const TokenizerId& id, std::map<std::string, std::string>* metadata);

}  // namespace edgetp
