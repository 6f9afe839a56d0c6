#include "common/data/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "common/base/files.h"
#include "common/data/batches.h"
#include "common/data/resolve.h"
#include "common/data/utf8.h"
#include "common/rpc/digest.h"
#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

namespace fs = std::filesystem;

class CorpusTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) const {
    const std::string path = (folder_ / name).string();
    EXPECT_TRUE(WriteWholeFile(path, bytes).ok());
    return path;
  }

  static Corpus FromText(const std::string& text) {
    auto corpus = Corpus::FromText(text);
    EXPECT_TRUE(corpus.ok()) << corpus.status();
    return *std::move(corpus);
  }

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

std::string ErrorOf(const absl::Status& status) { return std::string(status.message()); }

TEST_F(CorpusTest, SymbolsAreSortedAndNineTenthsTrain) {
  const Corpus corpus = FromText("hello world");
  EXPECT_EQ(corpus.vocabulary(), 8);
  EXPECT_THAT(corpus.symbols(), ElementsAre(" ", "d", "e", "h", "l", "o", "r", "w"));
  EXPECT_THAT(corpus.tokens(Split::kTrain), ElementsAre(3, 2, 4, 4, 5, 0, 7, 5, 6));
  EXPECT_THAT(corpus.tokens(Split::kValidation), ElementsAre(4, 1));
}

TEST_F(CorpusTest, ASymbolIsACharacterNotAByte) {
  const Corpus corpus = FromText("zö€𝄞z");
  EXPECT_THAT(corpus.symbols(), ElementsAre("z", "ö", "€", "𝄞"));
  EXPECT_THAT(*corpus.Encode("𝄞ö"), ElementsAre(3, 1));
  EXPECT_EQ(*corpus.Decode({2, 0}), "€z");
}

TEST_F(CorpusTest, TinyShakespeareHasItsKnownFigures) {
  const DataSources sources = DefaultDataSources();
  const std::string root = EDGETP_SOURCE_DIR;
  std::string path;
  for (const std::string& file : sources.files) {
    if (path.empty() && fs::exists(root + "/" + file)) path = root + "/" + file;
  }
  if (path.empty()) GTEST_SKIP() << "no local copy of the data";
  auto corpus = Corpus::Load(path);
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  EXPECT_EQ(corpus->vocabulary(), 65);
  EXPECT_THAT(corpus->tokens(Split::kTrain), SizeIs(1'003'854));
  EXPECT_THAT(corpus->tokens(Split::kValidation), SizeIs(111'540));
  EXPECT_EQ(CountEvaluationWindows(*corpus, 64), 1742);
}

TEST_F(CorpusTest, SplitsAsNanoGptDoes) {
  for (size_t n : {1, 9, 10, 11, 19, 1115}) {
    const Corpus corpus = FromText(std::string(n, 'a'));
    EXPECT_THAT(corpus.tokens(Split::kTrain), SizeIs(n * 9 / 10));
    EXPECT_THAT(corpus.tokens(Split::kValidation), SizeIs(n - n * 9 / 10));
  }
}

TEST_F(CorpusTest, RefusesTextThatIsNotUtf8) {
  for (const std::string bad :
       {"ab\xff", "ab\xc3", "ab\xc0\x80", "ab\xed\xa0\x80", "ab\xf4\x90\x80\x80", "ab\x80"}) {
    EXPECT_THAT(ErrorOf(Corpus::FromText(bad).status()),
                HasSubstr("not UTF-8 text: invalid byte at position 3"));
  }
}

TEST_F(CorpusTest, MissingAndEmptyFilesAreNamed) {
  const std::string missing = (folder_ / "no.txt").string();
  EXPECT_EQ(Corpus::Load(missing).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(ErrorOf(Corpus::Load(missing).status()), HasSubstr(missing));
  const std::string empty = Write("empty.txt", "");
  EXPECT_THAT(ErrorOf(Corpus::Load(empty).status()), HasSubstr(empty + ": the text is empty"));
}

TEST_F(CorpusTest, AFolderHasTokens) {
  Write("train.bin", std::string("\x01\x00\x05\x01", 4));
  Write("val.bin", std::string("\x02\x00", 2));
  auto corpus = Corpus::Load(folder_.string());
  ASSERT_TRUE(corpus.ok()) << corpus.status();
  EXPECT_THAT(corpus->tokens(Split::kTrain), ElementsAre(1, 261));
  EXPECT_EQ(corpus->vocabulary(), 262);
  EXPECT_EQ(corpus->Encode("a").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(corpus->Decode({1}).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(CorpusTest, AFolderWithoutItsFilesIsRefused) {
  EXPECT_THAT(ErrorOf(Corpus::Load(folder_.string()).status()), HasSubstr("train.bin"));
  Write("train.bin", "abc");
  EXPECT_THAT(ErrorOf(Corpus::Load(folder_.string()).status()),
              HasSubstr("even number of bytes (got 3)"));
}

TEST_F(CorpusTest, ATextThatIsSomethingElseIsNamed) {
  const std::string pointer =
      Write("data.txt", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n");
  EXPECT_THAT(ErrorOf(Corpus::Load(pointer).status()), HasSubstr("a Git LFS pointer; `git lfs"));
  const std::string wide = Write("wide.txt", std::string("\xff\xfeh\0i\0", 6));
  EXPECT_THAT(ErrorOf(Corpus::Load(wide).status()),
              HasSubstr("invalid byte at position 1: this looks like UTF-16 text; convert it"));
}

TEST_F(CorpusTest, TheCanonicalFormReadsBackAsItself) {
  const Corpus corpus = FromText("To be, or not to be: that is the question. ö");
  const std::string bytes = corpus.Serialize();
  auto back = Corpus::Parse(bytes);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->Serialize(), bytes);
  EXPECT_EQ(back->symbols(), corpus.symbols());
  EXPECT_EQ(back->tokens(Split::kTrain), corpus.tokens(Split::kTrain));
}

TEST_F(CorpusTest, EveryTruncationOfTheCanonicalFormIsRefused) {
  const std::string bytes = FromText("abcabcabc abc").Serialize();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(Corpus::Parse(bytes.substr(0, size)).status().code(), absl::StatusCode::kDataLoss)
        << size;
  }
  EXPECT_EQ(Corpus::Parse(bytes + "x").status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(CorpusTest, HostileHeadersAreRefused) {
  const std::string good = FromText("abcabcabc abc").Serialize();
  for (size_t at = 0; at < 13 + 1 + 4 + 4 + 16; ++at) {
    for (char value : {'\xff', '\x00', '\x7f'}) {
      std::string bytes = good;
      if (bytes[at] == value) continue;
      bytes[at] = value;
      const auto corpus = Corpus::Parse(bytes);
      EXPECT_FALSE(corpus.ok() && corpus->vocabulary() < 4) << at;
    }
  }
  std::string magic = good;
  magic[0] = 'E';
  EXPECT_THAT(ErrorOf(Corpus::Parse(magic).status()), HasSubstr("these bytes are not a corpus"));
  std::string token = good;
  token[token.size() - 2] = '\x09';
  EXPECT_THAT(ErrorOf(Corpus::Parse(token).status()),
              HasSubstr("token 9 is outside the vocabulary of 4"));
}

TEST_F(CorpusTest, UnknownSymbolsAreNamedWithTheirPosition) {
  const Corpus corpus = FromText("abc");
  EXPECT_THAT(ErrorOf(corpus.Encode("abXc").status()),
              HasSubstr("character 'X' at position 3 is not among the 3 symbols"));
  EXPECT_THAT(ErrorOf(corpus.Decode({0, 7}).status()),
              HasSubstr("token 7 is outside the vocabulary of 3"));
}

TEST_F(CorpusTest, ATextIsNumberedInTheVocabularyOfWeights) {
  const Corpus trained = FromText("abcdefghij");
  const Corpus part = FromText("fbdfbdfbdb");
  const auto renumbered = part.InVocabulary(trained.symbols());
  ASSERT_TRUE(renumbered.ok()) << renumbered.status();
  EXPECT_EQ(renumbered->vocabulary(), 10);
  EXPECT_EQ(renumbered->symbols(), trained.symbols());
  EXPECT_THAT(renumbered->tokens(Split::kTrain), ElementsAre(5, 1, 3, 5, 1, 3, 5, 1, 3));
  EXPECT_THAT(renumbered->tokens(Split::kValidation), ElementsAre(1));
  ASSERT_TRUE(Corpus::Parse(renumbered->Serialize()).ok());
}

TEST_F(CorpusTest, ACharacterThatWeightsLackIsNamedWithItsPlace) {
  const std::vector<std::string> symbols = {"a", "b"};
  EXPECT_THAT(ErrorOf(FromText("abababaX").InVocabulary(symbols).status()),
              HasSubstr("character 'X' at position 8 is not among the 2 symbols of the model"));
  EXPECT_THAT(ErrorOf(FromText("a\rb").InVocabulary(symbols).status()), HasSubstr("'\\r'"));
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{"a", "th"}, {"a", "a"}, {"a", ""}, {"a", "\xff"}}) {
    EXPECT_EQ(FromText("aaaa").InVocabulary(bad).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(CorpusTest, BothSplitsMustHaveAWindow) {
  const Corpus corpus = FromText(std::string(100, 'a'));
  EXPECT_TRUE(corpus.CheckFits(9, 1).ok());
  EXPECT_THAT(ErrorOf(corpus.CheckFits(10, 1)),
              HasSubstr("the validation split has 10 tokens, but sequence=10 needs at least 11"));
  EXPECT_THAT(ErrorOf(corpus.CheckFits(90, 1)), HasSubstr("the training split has 90 tokens"));
}

TEST_F(CorpusTest, ATokenOutsideTheModelsVocabularyIsNamed) {
  const Corpus corpus = FromText(std::string(50, 'a') + std::string(50, 'b'));
  EXPECT_THAT(
      ErrorOf(corpus.CheckFits(4, 1)),
      HasSubstr("token 1 at position 50 of the training split is outside model.vocabulary=1"));
}

TEST_F(CorpusTest, TrainingBatchesDependOnTheirKeyAlone) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>('a' + i % 26);
  const Corpus corpus = FromText(text);
  const TokenBatch batch = TrainingBatch(corpus, {1337, 5, 0}, 12, 64).value();
  EXPECT_EQ(batch.batch, 12);
  EXPECT_EQ(batch.sequence, 64);
  ASSERT_THAT(batch.inputs, SizeIs(12 * 64));
  EXPECT_EQ(TrainingBatch(corpus, {1337, 5, 0}, 12, 64)->inputs, batch.inputs);
  EXPECT_NE(TrainingBatch(corpus, {1337, 6, 0}, 12, 64)->inputs, batch.inputs);
  EXPECT_NE(TrainingBatch(corpus, {1337, 5, 1}, 12, 64)->inputs, batch.inputs);
  EXPECT_NE(TrainingBatch(corpus, {1338, 5, 0}, 12, 64)->inputs, batch.inputs);
  for (size_t i = 0; i < batch.inputs.size(); ++i)
    EXPECT_EQ(batch.targets[i], (batch.inputs[i] + 1) % 26);
}

TEST_F(CorpusTest, TheSmallestSplitHasOneTrainingWindow) {
  const Corpus corpus = FromText("abcdefghij");
  const TokenBatch batch = TrainingBatch(corpus, {1, 0, 0}, 3, 8).value();
  EXPECT_EQ(batch.inputs[0], 0);
  EXPECT_EQ(batch.targets[7], 8);
}

TEST(SpreadWindowsTest, SomeWindowsAreTheMiddlesOfEqualPartsAndAllAreAll) {
  EXPECT_THAT(SpreadWindows(10, 2), ElementsAre(2, 7));
  EXPECT_THAT(SpreadWindows(4, 4), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(SpreadWindows(4, 9), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(SpreadWindows(0, 9), ElementsAre());
  const std::vector<int64_t> windows = SpreadWindows(1742, 200);
  ASSERT_THAT(windows, SizeIs(200));
  for (size_t i = 1; i < windows.size(); ++i) {
    EXPECT_GE(windows[i] - windows[i - 1], 8);
    EXPECT_LE(windows[i] - windows[i - 1], 9);
  }
  EXPECT_GE(windows.back(), 1742 - 9);
}

TEST_F(CorpusTest, EvaluationWindowsFollowOneAnother) {
  std::string text(900, 'a');
  for (int i = 0; i < 100; ++i) text += static_cast<char>('b' + i % 20);
  const Corpus corpus = FromText(text);
  const auto& tokens = corpus.tokens(Split::kValidation);
  EXPECT_EQ(CountEvaluationWindows(corpus, 33), 3);
  EXPECT_EQ(CountEvaluationWindows(corpus, 50), 1);  // the second one lacks its last target
  const TokenBatch batch = EvaluationBatch(corpus, {1, 2}, 33).value();
  EXPECT_EQ(batch.batch, 2);
  EXPECT_EQ(batch.inputs[0], tokens[33]);
  EXPECT_EQ(batch.targets[0], tokens[34]);
  EXPECT_EQ(batch.targets.back(), tokens[99]);
}

class ResolveDataTest : public CorpusTest {
 protected:
  DataSources Sources() const {
    return {.files = {(folder_ / "first.txt").string(), (folder_ / "second.txt").string()},
            .cache = (folder_ / "cache" / "text.txt").string(),
            .licence_folder = (folder_ / "licences").string()};
  }
  bool HasCurl() const { return std::system("curl --version >/dev/null 2>&1") == 0; }
};

TEST_F(ResolveDataTest, TheFirstFileThatExistsIsTaken) {
  Write("second.txt", "second text");
  auto data = ResolveData("auto", Sources());
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->origin, Sources().files[1]);
  EXPECT_EQ(data->notice, "");
}

TEST_F(ResolveDataTest, AFetchedTextMustHaveItsDigestAndIsKept) {
  if (!HasCurl()) GTEST_SKIP() << "no curl";
  DataSources sources = Sources();
  sources.url = "file://" + Write("remote", "fetched text");
  sources.sha256 = Sha256Hex("fetched text");
  auto data = ResolveData("auto", sources);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->origin, sources.url);
  EXPECT_EQ(*ReadWholeFile(sources.cache, 100), "fetched text");

  sources.sha256 = Sha256Hex("other");
  EXPECT_THAT(ErrorOf(ResolveData("auto", sources).status()), HasSubstr("gave other bytes"));
}

TEST_F(ResolveDataTest, LicenceTextsAreTheLastResortAndSaySo) {
  fs::create_directories(folder_ / "licences");
  Write("licences/GPL-3", "free software");
  Write("licences/Binary", "\xff\xfe");
  fs::create_symlink(folder_ / "licences/GPL-3", folder_ / "licences/GPL");
  auto data = ResolveData("auto", Sources());
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_THAT(data->notice, HasSubstr("NOT Tiny Shakespeare"));
  EXPECT_EQ(ResolveData(data->origin, Sources())->corpus.Serialize(), data->corpus.Serialize());
  EXPECT_EQ(
      data->corpus.tokens(Split::kTrain).size() + data->corpus.tokens(Split::kValidation).size(),
      std::string("free software").size());
}

TEST_F(ResolveDataTest, NothingAtAllSaysWhatWasTried) {
  EXPECT_THAT(ErrorOf(ResolveData("auto", Sources()).status()), HasSubstr("second.txt"));
  EXPECT_EQ(ResolveData((folder_ / "x").string(), Sources()).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace edgetp
