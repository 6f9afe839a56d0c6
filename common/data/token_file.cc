#include "common/data/token_file.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/base/file_kind.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/data/bytes.h"

namespace edgetp {
namespace {

// llm.c: 256 int32, of which magic, version and number of tokens are used.
// Source: https://github.com/karpathy/llm.c, dev/data/data_common.py.
constexpr size_t kLlmcHeaderBytes = 256 * 4;
constexpr int32_t kLlmcMagic = 20240520;   // version 1: uint16
constexpr int32_t kLlamaMagic = 20240801;  // version 7: uint32

// Fewer tokens than these show nothing.
constexpr size_t kEnough = 16;

// `bytes` are those of a mapping or a string, which begin at a multiple of 8.
absl::Span<const uint16_t> TokensAt(absl::string_view bytes, size_t begin) {
  return {reinterpret_cast<const uint16_t*>(bytes.data() + begin), (bytes.size() - begin) / 2};
}

// Behind llm.c's header, which `start` begins with.
absl::StatusOr<absl::Span<const uint16_t>> AfterHeader(const std::string& start,
                                                       absl::string_view bytes,
                                                       const std::string& path) {
  const auto version = ReadNumber<int32_t>(start, 4);
  const auto count = ReadNumber<int32_t>(start, 8);
  if (version != 1) {
    return InvalidData(path, absl::StrCat("an llm.c header of version ", version,
                                          ": version 1, of uint16 tokens, is read"));
  }
  if (count < 0 || kLlmcHeaderBytes + uint64_t{2} * count != bytes.size()) {
    return InvalidData(path, absl::StrCat("its llm.c header announces ", count, " tokens, but ",
                                          bytes.size() - kLlmcHeaderBytes, " bytes follow it"));
  }
  return TokensAt(bytes, kLlmcHeaderBytes);
}

// The tokens that are looked at, one after the other.
std::vector<uint16_t> Sampled(absl::Span<const uint16_t> tokens) {
  std::vector<uint16_t> sample;
  for (const TokenRange& range : SampleOf(tokens.size())) {
    const auto part = tokens.subspan(range.first, range.count);
    sample.insert(sample.end(), part.begin(), part.end());
  }
  return sample;
}

// The largest of every `stride`th number from `first` on.
int Largest(absl::Span<const uint16_t> tokens, size_t first, size_t stride) {
  int largest = 0;
  for (size_t i = first; i < tokens.size(); i += stride)
    largest = std::max<int>(largest, tokens[i]);
  return largest;
}

std::string Conversion(const std::string& path, const char* dtype) {
  return absl::StrCat(": convert it: python3 -c \"import numpy as n; n.fromfile('", path, "', '",
                      dtype, "').astype('uint16').tofile('", path, ".uint16')\"");
}

// Numbers of 32 or 64 bits have nothing, or next to nothing, in their upper half.
absl::Status CheckWidth(absl::Span<const uint16_t> tokens, const std::string& path) {
  if (tokens.size() < kEnough) return absl::OkStatus();
  const int upper = Largest(tokens, 1, 2);
  if (upper > 1 || (upper == 1 && Largest(tokens, 0, 2) < 256)) return absl::OkStatus();
  if (upper == 1) {
    return InvalidData(
        path,
        "this looks like uint32 tokens of more than 65536 kinds: uint16 is wanted, so "
        "they need a smaller vocabulary");
  }
  const bool wide = Largest(tokens, 2, 4) == 0;
  return InvalidData(path,
                     absl::StrCat("uint16 tokens are wanted, and every second number is 0: this "
                                  "looks like ",
                                  wide ? "uint64" : "uint32", " tokens",
                                  Conversion(path, wide ? "uint64" : "uint32")));
}

absl::Status CheckByteOrder(absl::Span<const uint16_t> tokens, const std::string& path) {
  const bool swapped =
      tokens.size() >= kEnough && Largest(tokens, 0, 1) > 0 &&
      std::all_of(tokens.begin(), tokens.end(), [](uint16_t t) { return t % 256 == 0; });
  if (!swapped) return absl::OkStatus();
  return InvalidData(path,
                     absl::StrCat("every token is a multiple of 256: this looks like big-endian "
                                  "tokens",
                                  Conversion(path, ">u2")));
}

}  // namespace

absl::Status InvalidData(const std::string& path, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("data ", path, ": ", what));
}

std::vector<TokenRange> SpreadRanges(size_t size, size_t ranges, size_t count) {
  if (size <= ranges * count) return {{0, size}};
  std::vector<TokenRange> spread;
  // The first one at the beginning, the last one at the end. Even: of numbers of another width,
  // their lower halves come first.
  for (size_t i = 0; i < ranges; ++i)
    spread.push_back({(size - count) / (ranges - 1) * i / 2 * 2, count});
  spread.back().first = (size - count) / 2 * 2;
  return spread;
}

std::vector<TokenRange> SampleOf(size_t size) {
  constexpr size_t kRanges = 64;
  constexpr size_t kRangeTokens = 64 << 10;
  if (IsReadWhole(size)) return {{0, size}};
  return SpreadRanges(size, kRanges, kRangeTokens);
}

absl::StatusOr<absl::Span<const uint16_t>> ViewTokens(absl::string_view bytes,
                                                      const std::string& path) {
  if (bytes.empty()) return InvalidData(path, "the file is empty");
  const std::string start(bytes.substr(0, std::max(kKindBytes, kLlmcHeaderBytes)));
  const int32_t magic = bytes.size() >= kLlmcHeaderBytes ? ReadNumber<int32_t>(start, 0) : 0;
  if (magic == kLlmcMagic) return AfterHeader(start, bytes, path);
  if (magic == kLlamaMagic)
    return InvalidData(path, "this is llm.c's format of uint32 tokens: uint16 is wanted");
  if (RecogniseFile(start.substr(0, kKindBytes)).certain)
    return InvalidData(path, absl::StrCat("uint16 tokens are wanted", LooksLike(start)));
  if (bytes.size() % 2 != 0) {
    return InvalidData(
        path, absl::StrCat("uint16 tokens need an even number of bytes (got ", bytes.size(), ")"));
  }
  const absl::Span<const uint16_t> tokens = TokensAt(bytes, 0);
  const std::vector<uint16_t> sample = Sampled(tokens);
  RETURN_IF_ERROR(CheckWidth(sample, path));
  RETURN_IF_ERROR(CheckByteOrder(sample, path));
  return tokens;
}

absl::StatusOr<std::vector<uint16_t>> ParseTokens(const std::string& bytes,
                                                  const std::string& path) {
  ASSIGN_OR_RETURN(const absl::Span<const uint16_t> tokens, ViewTokens(bytes, path));
  return std::vector<uint16_t>(tokens.begin(), tokens.end());
}

absl::StatusOr<std::vector<uint16_t>> ReadTokenFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(path, kMaxDataBytes));
  return ParseTokens(bytes, path);
}

absl::Status CheckVocabulary(absl::Span<const uint16_t> train,
                             absl::Span<const uint16_t> validation) {
  // A real vocabulary thins out towards its end; it has no desert with a handful of tokens behind
  // it.
  constexpr int kDesert = 8;         // as wide as so many times everything before it
  constexpr int kSmallest = 1024;    // a vocabulary that costs nothing is nobody's worry
  constexpr int64_t kShare = 10000;  // one token of so many may lie behind it
  std::vector<int64_t> counts(kMaxVocabulary, 0);
  for (const absl::Span<const uint16_t> tokens : {train, validation}) {
    for (const uint16_t token : tokens) ++counts[token];
  }
  const auto total = static_cast<int64_t>(train.size() + validation.size());
  const int64_t few = std::max<int64_t>(3, total / kShare);
  int64_t behind = 0;
  int above = kMaxVocabulary;  // the token after the gap that is looked at
  int largest = -1;
  for (int token = 65535; token >= 0; --token) {
    if (counts[token] == 0) continue;
    largest = std::max(largest, token);
    const bool desert = above < kMaxVocabulary && above >= kSmallest && above / kDesert > token;
    if (desert) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the vocabulary would be ", largest + 1, " because of ", behind, " of ", total,
          " tokens (", above, behind == 1 ? "" : " and above", "); all others are at most ", token,
          ". Are these uint16 tokens, without a header? If they are, give --set model.vocabulary=",
          largest + 1));
    }
    behind += counts[token];
    if (behind > few) return absl::OkStatus();
    above = token;
  }
  return absl::OkStatus();
}

int LargestToken(absl::Span<const uint16_t> tokens) {
  int largest = -1;
  for (const TokenRange& range : SampleOf(tokens.size())) {
    for (const uint16_t token : tokens.subspan(range.first, range.count))
      largest = std::max<int>(largest, token);
  }
  return largest;
}

std::optional<size_t> FindOutside(absl::Span<const uint16_t> tokens, int vocabulary) {
  for (const TokenRange& range : SampleOf(tokens.size())) {
    for (size_t i = range.first; i < range.first + range.count; ++i) {
      if (tokens[i] >= vocabulary) return i;
    }
  }
  return std::nullopt;
}

}  // namespace edgetp
