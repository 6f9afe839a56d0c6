// Corpora on the disk: what is looked at, what is not, and that nothing else is different.
#include "common/data/stored_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "common/data/batches.h"
#include "common/data/bytes.h"
#include "common/data/corpus.h"
#include "common/data/token_file.h"
#include "common/rpc/digest.h"
#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class StoredTokensTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::vector<uint16_t>& tokens,
                    const std::string& header = "") const {
    std::string bytes = header;
    for (const uint16_t token : tokens) AppendNumber(token, &bytes);
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  static std::vector<uint16_t> Some(int count, int seed) {
    std::vector<uint16_t> tokens;
    for (int i = 0; i < count; ++i)
      tokens.push_back(static_cast<uint16_t>(1 + (i * 31 + i / 7 + seed) % 99));
    return tokens;
  }
  static std::string HeaderOf(int count) {
    std::string header;
    for (const int32_t number : {20240520, 1, count}) AppendNumber(number, &header);
    header.resize(1024);
    return header;
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

TEST_F(StoredTokensTest, TokensAreThoseOfTheFileBehindAnyHeader) {
  const std::vector<uint16_t> tokens = Some(1000, 0);
  for (const std::string& header : {std::string(), HeaderOf(1000)}) {
    const auto stored = StoredTokens::Open(Write("t.bin", tokens, header)).value();
    EXPECT_THAT(stored->tokens(), ::testing::ElementsAreArray(tokens));
    std::vector<uint16_t> part(3);
    ASSERT_TRUE(stored->Read(997, absl::MakeSpan(part)).ok());
    EXPECT_THAT(part, ElementsAre(tokens[997], tokens[998], tokens[999]));
    for (const int64_t outside : {int64_t{998}, int64_t{-1}, INT64_MAX})
      EXPECT_EQ(stored->Read(outside, absl::MakeSpan(part)).code(), absl::StatusCode::kOutOfRange);
  }
}

TEST_F(StoredTokensTest, AFileThatIsWrittenToMeanwhileIsNoticed) {
  const std::string path = Write("t.bin", Some(10'000, 0));
  const auto stored = StoredTokens::Open(path).value();
  EXPECT_TRUE(stored->CheckUnchanged().ok());
  fs::resize_file(path, 100);
  EXPECT_EQ(stored->CheckUnchanged().code(), absl::StatusCode::kDataLoss);
  std::vector<uint16_t> part(3);
  EXPECT_EQ(stored->Read(5000, absl::MakeSpan(part)).code(), absl::StatusCode::kDataLoss);
}

// A pipe would keep whoever opens it until somebody writes.
TEST_F(StoredTokensTest, WhatIsNoFileIsRefused) {
  const std::string pipe = folder_ + "/pipe.bin";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {pipe, folder_}) {
    EXPECT_EQ(StoredTokens::Open(path).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(StoredTokensTest, TheDigestTellsFilesApart) {
  const auto digest = [this](int seed, int count) {
    return DigestOfTokens(*StoredTokens::Open(Write("t.bin", Some(count, seed))).value(),
                          *StoredTokens::Open(Write("v.bin", Some(50, 0))).value())
        .value();
  };
  EXPECT_EQ(digest(0, 1000), digest(0, 1000));
  EXPECT_NE(digest(0, 1000), digest(1, 1000));
  EXPECT_NE(digest(0, 1000), digest(0, 1001));
}

TEST_F(StoredTokensTest, ASampleHasTheBeginningAndTheEnd) {
  const size_t size = size_t{10} << 30;
  const std::vector<TokenRange> sample = SampleOf(size);
  EXPECT_EQ(sample.front().first, 0u);
  EXPECT_EQ(sample.back().first + sample.back().count, size);
  size_t end = 0;
  for (const TokenRange& range : sample) {
    EXPECT_GE(range.first, end);
    EXPECT_EQ(range.first % 2, 0u);
    end = range.first + range.count;
  }
  ASSERT_EQ(SampleOf(1000).size(), 1u);
  EXPECT_EQ(SampleOf(1000)[0].count, 1000u);
}

// 20 GB that take no room on the disk.
TEST_F(StoredTokensTest, TwentyGigabytesAreLookedAtByASample) {
  const std::string train = Write("train.bin", Some(100'000, 0));
  fs::resize_file(train, uint64_t{20} << 30);
  Write("val.bin", Some(1000, 0));
  const auto corpus = Corpus::Load(folder_);
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  EXPECT_EQ(corpus->size(Split::kTrain), int64_t{10} << 30);
  EXPECT_EQ(corpus->vocabulary(), 100);
  EXPECT_TRUE(corpus->CheckFits(512, 100).ok());
  EXPECT_THAT(std::string(corpus->CheckFits(512, 99).message()),
              HasSubstr("of the training split is outside model.vocabulary=99"));
  EXPECT_THAT(std::string(corpus->CheckVocabulary().message()),
              HasSubstr("too large to count their vocabulary"));
  EXPECT_TRUE(TrainingBatch(*corpus, {.seed = 1}, 4, 512).ok());
}

TEST_F(StoredTokensTest, AFolderTrainsAsTheSameTokensInMemory) {
  const std::vector<uint16_t> train = Some(5000, 0);
  const std::vector<uint16_t> validation = Some(700, 3);
  Write("train.bin", train, HeaderOf(5000));
  Write("val.bin", validation);
  const Corpus stored = Corpus::Load(folder_).value();
  const Corpus held = Corpus::Parse(stored.Serialize()).value();
  ASSERT_NE(stored.folder(), nullptr);
  EXPECT_EQ(held.folder(), nullptr);
  for (int step = 0; step < 5; ++step) {
    const BatchKey key{.seed = 7, .step = step};
    EXPECT_EQ(TrainingBatch(stored, key, 4, 16)->inputs, TrainingBatch(held, key, 4, 16)->inputs);
    EXPECT_EQ(EvaluationBatch(stored, {step}, 16)->targets,
              EvaluationBatch(held, {step}, 16)->targets);
  }
}

TEST_F(StoredTokensTest, ACorpusIsCalledByItsBytesOrByItsDescription) {
  Write("train.bin", Some(5000, 0));
  Write("val.bin", Some(700, 3));
  const Corpus stored = Corpus::Load(folder_).value();
  const Corpus held = Corpus::Parse(stored.Serialize()).value();
  EXPECT_EQ(held.Id().value(), BlobIdOf(held.Serialize()));
  const std::string digest =
      DigestOfTokens(*stored.folder()->train, *stored.folder()->validation).value();
  const std::string id = stored.Id().value();
  EXPECT_EQ(id, BlobIdOf(stored.Description(digest)));
  Write("val.bin", Some(700, 4));
  EXPECT_NE(Corpus::Load(folder_)->Id().value(), id);
}

TEST_F(StoredTokensTest, ACorpusKeepsItsTokenizersNameOnItsWay) {
  const TokenizerId id{kGpt2Tokenizer, std::string(64, 'b')};
  const Corpus corpus = Corpus::FromTokens(id, 100, Some(100, 0), Some(50, 0));
  const Corpus back = Corpus::Parse(corpus.Serialize()).value();
  EXPECT_EQ(back.tokenizer(), id);
  EXPECT_EQ(back.Serialize(), corpus.Serialize());
  const Corpus described = Corpus::Parse(corpus.Description("some")).value();
  EXPECT_NE(corpus.Description("some"), corpus.Description("other"));
  EXPECT_EQ(described.tokenizer(), id);
  EXPECT_EQ(described.vocabulary(), 100);
  EXPECT_EQ(described.size(Split::kTrain), 0);
  const std::string bytes = corpus.Serialize();
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(Corpus::Parse(bytes.substr(0, size)).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace edgetp
