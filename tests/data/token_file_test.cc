// Files of tokens, and what is taken for one by mistake.
#include "common/data/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/data/bytes.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Number>
std::string Bytes(const std::vector<Number>& numbers) {
  std::string bytes;
  for (const Number number : numbers) AppendNumber(number, &bytes);
  return bytes;
}

std::string LlmcFile(int32_t magic, int32_t version, int32_t count, const std::string& tokens) {
  std::vector<int32_t> header(256);
  header[0] = magic;
  header[1] = version;
  header[2] = count;
  return Bytes(header) + tokens;
}

// Of a vocabulary of 65, long enough to show what it is.
template <typename Number>
std::vector<Number> Tokens() {
  std::vector<Number> tokens;
  for (int i = 0; i < 400; ++i) tokens.push_back(static_cast<Number>(1 + i * 7 % 64));
  return tokens;
}

std::string ErrorOf(const std::string& bytes) {
  const auto tokens = ParseTokens(bytes, "train.bin");
  EXPECT_EQ(tokens.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(tokens.status().message());
}

TEST(TokenFileTest, PlainTokensAreReadAsTheyAre) {
  EXPECT_EQ(ParseTokens(Bytes(Tokens<uint16_t>()), "t").value(), Tokens<uint16_t>());
}

TEST(TokenFileTest, TheHeaderOfLlmcIsReadAndTakenOff) {
  const std::string tokens = Bytes<uint16_t>({5, 6, 7});
  EXPECT_THAT(ParseTokens(LlmcFile(20240520, 1, 3, tokens), "t").value(), ElementsAre(5, 6, 7));
  EXPECT_THAT(ErrorOf(LlmcFile(20240520, 1, 4, tokens)),
              HasSubstr("announces 4 tokens, but 6 bytes follow it"));
  EXPECT_THAT(ErrorOf(LlmcFile(20240520, 1, -1, tokens)), HasSubstr("announces -1 tokens"));
  EXPECT_THAT(ErrorOf(LlmcFile(20240520, 2, 3, tokens)), HasSubstr("of version 2"));
  EXPECT_THAT(ErrorOf(LlmcFile(20240801, 7, 1, tokens)), HasSubstr("uint16 is wanted"));
}

TEST(TokenFileTest, NumbersOfAnotherWidthOrByteOrderAreRefused) {
  EXPECT_THAT(ErrorOf(Bytes(Tokens<uint32_t>())), HasSubstr("this looks like uint32 tokens"));
  EXPECT_THAT(ErrorOf(Bytes(Tokens<uint64_t>())), HasSubstr("this looks like uint64 tokens"));
  std::vector<uint32_t> large = Tokens<uint32_t>();
  for (uint32_t& token : large) token = token * 1999;  // up to 127,936
  EXPECT_THAT(ErrorOf(Bytes(large)), HasSubstr("more than 65536 kinds"));
  std::vector<uint16_t> swapped = Tokens<uint16_t>();
  for (uint16_t& token : swapped) token = static_cast<uint16_t>(token << 8);
  EXPECT_THAT(ErrorOf(Bytes(swapped)), HasSubstr("big-endian"));
}

TEST(TokenFileTest, OtherFilesAreNamed) {
  EXPECT_THAT(ErrorOf("PK\3\4 and more"), HasSubstr("zip archive"));
  EXPECT_THAT(ErrorOf("\x93NUMPY\1\0"), HasSubstr("NumPy array"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("the file is empty"));
}

TEST(TokenFileTest, AVocabularyFromAFewOutliersIsRefused) {
  std::vector<uint16_t> tokens = Tokens<uint16_t>();
  const std::vector<uint16_t> others = {1, 2, 3};
  EXPECT_TRUE(CheckVocabulary(tokens, others).ok());
  tokens[7] = 55432;
  const absl::Status status = CheckVocabulary(tokens, others);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("would be 55433 because of 1 of 403 tokens (55432); all others are at most 64"));
}

TEST(TokenFileTest, AnEndOfTextTokenAndALongTailAreNoOutliers) {
  std::vector<uint16_t> tokens = Tokens<uint16_t>();
  for (size_t i = 0; i < tokens.size(); i += 50) tokens[i] = 50256;  // after each document
  EXPECT_TRUE(CheckVocabulary(tokens, {}).ok());
  std::vector<uint16_t> tail;
  for (int token = 1; token < 40000; token = token * 3 / 2 + 1) tail.push_back(token);
  EXPECT_TRUE(CheckVocabulary(tail, {}).ok());
}

}  // namespace
}  // namespace edgetp
