#include "common/data/tokenizer_id.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/rpc/digest.h"

namespace edgetp {
namespace {

constexpr char kTokenizerKey[] = "edgetp.tokenizer";

}  // namespace

absl::StatusOr<TokenizerId> TokenizerId::Parse(const std::string& text) {
  TokenizerId id;
  if (text.empty()) return id;
  const size_t space = text.find(' ');
  if (space != std::string::npos) {
    id = {text.substr(0, space), text.substr(space + 1)};
    if ((id.name == kGpt2Tokenizer || id.name == kCharsTokenizer) && IsSha256Hex(id.digest))
      return id;
  }
  return absl::DataLossError(absl::StrCat("tokenizer: \"",
                                          absl::Utf8SafeCEscape(text.substr(0, 100)),
                                          "\" is not gpt2 or chars with a SHA-256"));
}

absl::Status CheckSameTokenizer(const TokenizerId& one, const std::string& origin,
                                const TokenizerId& other, const std::string& other_origin) {
  if (!one.known() || !other.known() || one == other) return absl::OkStatus();
  const auto describe = [](const TokenizerId& id) {
    return absl::StrCat(id.name, " (", id.digest.substr(0, 12), ")");
  };
  return absl::InvalidArgumentError(absl::StrCat(
      origin, " has tokens of ", describe(one), ", and ", other_origin,
      " was trained on tokens of ", describe(other), ": the same numbers stand for other texts"));
}

TokenizerId CharsTokenizerId(const std::vector<std::string>& symbols) {
  if (symbols.empty()) return {};
  Sha256 digest;
  for (const std::string& symbol : symbols) {
    const std::string line = absl::StrCat(symbol.size(), ":", symbol);
    digest.Update(line.data(), line.size());
  }
  return {kCharsTokenizer, digest.HexDigest()};
}

absl::StatusOr<TokenizerId> ReadTokenizerId(const std::vector<std::string>& symbols,
                                            const std::map<std::string, std::string>& metadata) {
  if (!symbols.empty()) return CharsTokenizerId(symbols);
  const auto entry = metadata.find(kTokenizerKey);
  return TokenizerId::Parse(entry == metadata.end() ? "" : entry->second);
}

void WriteTokenizerId(const TokenizerId& id, std::map<std::string, std::string>* metadata) {
  if (id.known()) (*metadata)[kTokenizerKey] = id.ToString();
}

}  // namespace edgetp
