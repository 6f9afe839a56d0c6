// GPT-2's published files, from tests/data/gpt2/merges.bin: its tokens are the 256 bytes, those
// that can be seen first, then what each merge makes, then <|endoftext|>.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/files.h"
#include "common/data/bpe.h"
#include "common/data/bytes.h"
#include "common/data/utf8.h"

namespace edgetp {

// A token as a JSON string of ASCII alone.
inline std::string JsonOf(const std::string& token) {
  std::string json = "\"";
  for (size_t at = 0; at < token.size();) {
    const char32_t character = *NextCharacter(token, &at);
    char escaped[8];
    std::snprintf(escaped, sizeof(escaped), "\\u%04x", static_cast<unsigned>(character));
    if (character >= 0x7F) {
      json += escaped;
    } else {
      if (character == '"' || character == '\\') json += '\\';
      json += static_cast<char>(character);
    }
  }
  return json + "\"";
}

// The 256 bytes, in the order and in the writing of GPT-2's files.
inline std::vector<std::string> Gpt2Bytes() {
  std::vector<std::string> seen;
  std::vector<std::string> others;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool is_seen = (byte > ' ' && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
    if (is_seen) {
      seen.push_back(ToUtf8(byte));
    } else {
      others.push_back(ToUtf8(256 + others.size()));
    }
  }
  seen.insert(seen.end(), others.begin(), others.end());
  return seen;
}

inline BpeFiles Gpt2Tables() {
  const auto bytes =
      ReadWholeFile(std::string(EDGETP_SOURCE_DIR) + "/tests/data/gpt2/merges.bin", 1 << 20);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  BpeFiles files{"encoder.json", "{", "vocab.bpe", "#version: 0.2\n"};
  std::vector<std::string> tokens = Gpt2Bytes();
  for (size_t at = 0; at < bytes->size(); at += 4) {
    const std::string& left = tokens[ReadNumber<uint16_t>(*bytes, at)];
    const std::string& right = tokens[ReadNumber<uint16_t>(*bytes, at + 2)];
    absl::StrAppend(&files.merges, left, " ", right, "\n");
    tokens.push_back(left + right);
  }
  tokens.push_back(kEndOfText);
  for (size_t i = 0; i < tokens.size(); ++i)
    absl::StrAppend(&files.vocabulary, i == 0 ? "" : ", ", JsonOf(tokens[i]), ": ", i);
  files.vocabulary += "}";
  return files;
}

// Writes encoder.json and vocab.bpe there.
inline void WriteGpt2Tables(const std::string& folder) {
  std::filesystem::create_directories(folder);
  const BpeFiles files = Gpt2Tables();
  EXPECT_TRUE(WriteWholeFile(folder + "/encoder.json", files.vocabulary).ok());
  EXPECT_TRUE(WriteWholeFile(folder + "/vocab.bpe", files.merges).ok());
}

}  // namespace edgetp
