// GPT-2's encoding, against what OpenAI's own tokenizer makes of 500 awkward texts
// (gpt2/README.md).
#include "common/data/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/data/tokenizer.h"
#include "common/rpc/digest.h"
#include "tests/data/gpt2_tables.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const Bpe& Gpt2() {
  static const Bpe* const bpe = new Bpe(Bpe::Parse(Gpt2Tables()).value());
  return *bpe;
}

struct Example {
  std::string text;
  std::vector<int32_t> tokens;
};

const std::vector<Example>& Examples() {
  static const auto* const examples = [] {
    const std::string path = std::string(EDGETP_SOURCE_DIR) + "/tests/data/gpt2/texts.jsonl";
    auto* read = new std::vector<Example>();
    const std::string file = ReadWholeFile(path, 1 << 20).value();
    for (const absl::string_view line : absl::StrSplit(file, '\n', absl::SkipEmpty())) {
      const auto json = nlohmann::json::parse(std::string(line));
      read->push_back({json["text"], json["tokens"]});
    }
    return read;
  }();
  return *examples;
}

std::string Decode(const std::vector<int32_t>& tokens) {
  std::string text;
  for (const int32_t token : tokens) text += Gpt2().BytesOf(token);
  return text;
}

TEST(BpeTest, TheTablesAreThePublishedOnes) {
  const BpeFiles files = Gpt2Tables();
  // Those that tiktoken asks for (openai_public.py).
  EXPECT_EQ(Sha256Hex(files.vocabulary),
            "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783");
  EXPECT_EQ(Sha256Hex(files.merges),
            "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5");
  EXPECT_EQ(Gpt2().vocabulary(), 50257);
  EXPECT_EQ(Gpt2().end_of_text(), 50256);
}

TEST(BpeTest, PublishedExamplesHaveTheirTokens) {
  EXPECT_THAT(Gpt2().Encode("Hello world"), ElementsAre(15496, 995));
  EXPECT_THAT(Gpt2().Encode(" Hello world"), ElementsAre(18435, 995));
  EXPECT_THAT(Gpt2().Encode("This is some text"), ElementsAre(1212, 318, 617, 2420));
  EXPECT_THAT(Gpt2().Encode("hello 👋 world 🌍"),
              ElementsAre(31373, 50169, 233, 995, 12520, 234, 235));
}

TEST(BpeTest, FiveHundredAwkwardTextsHaveTheTokensOfTheReference) {
  ASSERT_THAT(Examples(), SizeIs(500));
  for (const Example& example : Examples()) {
    EXPECT_EQ(Gpt2().Encode(example.text), example.tokens) << example.text;
    EXPECT_EQ(Decode(example.tokens), example.text);
  }
}

TEST(BpeTest, ATextInPartsHasTheTokensOfTheWhole) {
  const auto tokenizer = MakeGpt2Tokenizer(Gpt2Tables()).value();
  const std::unique_ptr<TextEncoder> encoder = tokenizer->NewEncoder();
  for (const Example& example : Examples()) {
    for (const size_t part : {1, 2, 3, 5, 8, 21}) {
      std::vector<uint16_t> tokens;
      for (size_t at = 0; at < example.text.size(); at += part) {
        ASSERT_TRUE(
            encoder->Append(absl::string_view(example.text).substr(at, part), &tokens).ok());
      }
      ASSERT_TRUE(encoder->Finish(&tokens).ok());
      EXPECT_THAT(tokens, ::testing::ElementsAreArray(example.tokens)) << part << example.text;
    }
  }
}

TEST(BpeTest, BytesThatAreNoTextComeBackAsTheyWere) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const std::string& bytes :
       {all, std::string("\xff\xfe"), std::string("a\xc3"), std::string("\xed\xa0\x80 x"),
        std::string("\xf0\x9f\x91 's"), std::string(3, '\0')}) {
    EXPECT_EQ(Decode(Gpt2().Encode(bytes)), bytes);
  }
}

TEST(BpeTest, AMillionEqualLettersTakeNoTime) {
  const std::string text(1 << 20, 'a');
  EXPECT_EQ(Decode(Gpt2().Encode(text)), text);
}

TEST(BpeTest, AWordThatMemoryShouldNotHoldIsRefused) {
  const auto tokenizer = MakeGpt2Tokenizer(Gpt2Tables()).value();
  std::vector<uint16_t> tokens;
  EXPECT_THAT(
      std::string(
          tokenizer->NewEncoder()->Append(std::string(kMaxWordBytes + 1, 'a'), &tokens).message()),
      HasSubstr("more than 16 MiB of characters of one kind"));
}

TEST(BpeTest, TheDigestIsOfTheTokensNotOfTheFilesWriting) {
  BpeFiles spaced = Gpt2Tables();
  spaced.vocabulary = nlohmann::json::parse(spaced.vocabulary).dump(1);
  spaced.merges = absl::StrReplaceAll(spaced.merges, {{"\n", "\r\n"}});
  EXPECT_EQ(Bpe::Parse(spaced).value().digest(), Gpt2().digest());
}

// What is wrong with tables of which something was replaced.
std::string ErrorWith(const std::string& what, const std::string& by) {
  BpeFiles files = Gpt2Tables();
  files.vocabulary = absl::StrReplaceAll(files.vocabulary, {{what, by}});
  files.merges = absl::StrReplaceAll(files.merges, {{what, by}});
  const auto bpe = Bpe::Parse(files);
  EXPECT_EQ(bpe.status().code(), absl::StatusCode::kInvalidArgument) << what;
  return std::string(bpe.status().message());
}

TEST(BpeTest, MergesOfAnotherVocabularyAreRefused) {
  EXPECT_THAT(ErrorWith("\nh e\n", "\nh \u0423\n"),
              HasSubstr("vocab.bpe: line 4: \"\u0423\" is not in GPT-2's writing of bytes"));
  EXPECT_THAT(ErrorWith("\nh e\n", "\nz zz\n"),
              HasSubstr("line 4: \"zz\" is made by no line above: these merges belong to another"));
  EXPECT_THAT(ErrorWith("\nh e\n", "\nQ Z\n"),
              HasSubstr("line 4: \"QZ\" is not in the vocabulary: these merges belong to another"));
  EXPECT_THAT(ErrorWith("\nh e\n", "\nh e x\n"), HasSubstr("line 4: two tokens and a space"));
  EXPECT_THAT(ErrorWith("\nh e\n", "\n\u0120 t\n"), HasSubstr("merged by a line above already"));
  BpeFiles files = Gpt2Tables();
  files.merges.resize(files.merges.rfind("\u0120g azed"));
  EXPECT_THAT(std::string(Bpe::Parse(files).status().message()),
              HasSubstr("vocab.bpe: no line makes token 50255, \" gazed\" of encoder.json: these"));
}

TEST(BpeTest, AVocabularyThatIsNoneIsRefused) {
  EXPECT_THAT(ErrorWith("{\"!\": 0,", "[0,"), HasSubstr("a JSON object of tokens and numbers"));
  EXPECT_THAT(ErrorWith("{\"!\": 0,", "{"), HasSubstr("are numbered from 0, each once"));
  EXPECT_THAT(ErrorWith("{\"!\": 0,", "{\"!\": -1,"), HasSubstr("has the number -1"));
  EXPECT_THAT(ErrorWith("{\"!\": 0,", "{\"\u0423\": 0,"), HasSubstr("GPT-2's writing of bytes"));
  EXPECT_THAT(ErrorWith("{\"!\": 0,", "{\"!!!!!!!!!!!\": 0,"), HasSubstr("byte 33 has no token"));
  EXPECT_THAT(ErrorWith("<|endoftext|>", "<|end|>"), HasSubstr("it has no token <|endoftext|>"));
}

TEST(BpeTest, FilesThatAreNotThereComeWithTheLinesThatGetThem) {
  const std::string folder = testing::TempDir() + "/no-tables";
  const absl::Status missing = ReadBpeFiles(folder).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.message()),
              HasSubstr("\n  curl --create-dirs -o " + folder + "/encoder.json https://"));
  EXPECT_THAT(std::string(missing.message()),
              HasSubstr("\n  curl --create-dirs -o " + folder + "/vocab.bpe https://"));
}

TEST(TokenizerTest, CharactersAreNumberedInTheOrderOfTheSymbols) {
  const auto tokenizer = MakeCharsTokenizer({"\n", "é", "a", "👋"}).value();
  EXPECT_THAT(tokenizer->Encode("a👋é\n").value(), ElementsAre(2, 3, 1, 0));
  EXPECT_EQ(tokenizer->Separator().value(), 0);
  EXPECT_THAT(std::string(tokenizer->Encode("aéb").status().message()),
              HasSubstr("character 'b' at position 3 is not among the 4 symbols"));
  EXPECT_FALSE(MakeCharsTokenizer({"a", "a"}).ok());
  EXPECT_FALSE(MakeCharsTokenizer({"ab"}).ok());
}

TEST(TokenizerTest, TwoTokenizersAreComparedByTheirDigests) {
  const TokenizerId one = CharsTokenizerId({"a", "b"});
  const TokenizerId other = CharsTokenizerId({"a", "c"});
  EXPECT_EQ(TokenizerId::Parse(one.ToString()).value(), one);
  EXPECT_TRUE(CheckSameTokenizer(one, "x", one, "y").ok());
  EXPECT_TRUE(CheckSameTokenizer(one, "x", {}, "y").ok());
  EXPECT_THAT(std::string(CheckSameTokenizer(one, "--data=x", other, "run y").message()),
              HasSubstr("--data=x has tokens of chars ("));
  for (const std::string& bad :
       std::vector<std::string>{"gpt2", "gpt2 12", "other " + one.digest, " "})
    EXPECT_EQ(TokenizerId::Parse(bad).status().code(), absl::StatusCode::kDataLoss) << bad;
}

}  // namespace
}  // namespace edgetp
