// Texts that become folders of tokens.
#include "common/data/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/files.h"
#include "common/data/corpus.h"
#include "common/data/folder_tokenizer.h"
#include "common/data/token_file.h"
#include "common/rpc/digest.h"
#include "tests/data/gpt2_tables.h"
#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class PrepareTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) const {
    const std::string path = folder_ + "/" + name;
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  PrepareOptions Options(const std::vector<std::string>& texts,
                         const std::string& tokenizer) const {
    PrepareOptions options{.texts = texts, .tokenizer = tokenizer, .out = folder_ + "/out"};
    if (tokenizer == kGpt2Tokenizer) {
      options.tokenizer_files = folder_ + "/gpt2";
      WriteGpt2Tables(options.tokenizer_files);
    }
    return options;
  }
  static absl::StatusOr<CorpusManifest> Prepare(const PrepareOptions& options) {
    return PrepareCorpus(options, [](const char*, int64_t, int64_t) { return absl::OkStatus(); });
  }
  std::string ErrorOf(const PrepareOptions& options) const {
    const auto manifest = Prepare(options);
    EXPECT_FALSE(manifest.ok());
    EXPECT_FALSE(fs::exists(options.out));
    EXPECT_THAT(Temporaries(), IsEmpty());
    return std::string(manifest.status().message());
  }
  // What a folder that was not finished would leave.
  std::vector<std::string> Temporaries() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      const std::string name = entry.path().filename().string();
      if (name.find(".tmp.") != std::string::npos) names.push_back(name);
    }
    return names;
  }
  std::vector<std::string> FilesOf(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder))
      names.push_back(entry.path().filename().string());
    return names;
  }
  std::string TextOf(const std::string& file) const {
    const std::string out = folder_ + "/out";
    const auto texts = LoadFolderTokenizer(out).value()->Texts();
    const std::vector<uint16_t> tokens = ReadTokenFile(out + "/" + file).value();
    std::string text;
    for (const uint16_t token : tokens) text += texts[token];
    return text;
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

TEST_F(PrepareTest, ATextIsSplitAndNumberedAsTheTextItselfIs) {
  std::string text;
  for (int i = 0; i < 1003; ++i) text += "abcé "[i % 5 == 3 ? 0 : i % 3];
  text += "ö👋\n";
  const std::string path = Write("my.txt", text);
  const auto manifest = Prepare(Options({path}, kCharsTokenizer));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  const Corpus direct = Corpus::FromText(text).value();
  EXPECT_EQ(ReadTokenFile(folder_ + "/out/train.bin").value(), direct.tokens(Split::kTrain));
  EXPECT_EQ(ReadTokenFile(folder_ + "/out/val.bin").value(), direct.tokens(Split::kValidation));
  EXPECT_EQ(manifest->vocabulary, direct.vocabulary());
  EXPECT_EQ(ReadSymbolsFile(folder_ + "/out").value(), direct.symbols());
  EXPECT_THAT(FilesOf(folder_ + "/out"),
              UnorderedElementsAre("train.bin", "val.bin", "corpus.json", "symbols.json"));
  EXPECT_THAT(Temporaries(), IsEmpty());
}

TEST_F(PrepareTest, TheManifestSaysWhatTheFolderIs) {
  const std::string text = "To be, or not to be, that is the question.\n";
  const std::string path = Write("my.txt", text);
  const auto written = Prepare(Options({path}, kGpt2Tokenizer));
  ASSERT_TRUE(written.ok()) << written.status();
  const auto manifest = ReadManifest(folder_ + "/out").value();
  ASSERT_TRUE(manifest.has_value());
  EXPECT_EQ(ToJson(*manifest), ToJson(*written));
  EXPECT_EQ(manifest->tokenizer.name, "gpt2");
  EXPECT_EQ(manifest->vocabulary, 50257);
  EXPECT_EQ(manifest->characters, static_cast<int64_t>(text.size()));
  EXPECT_EQ(manifest->documents, 1);
  ASSERT_EQ(manifest->sources.size(), 1u);
  EXPECT_EQ(manifest->sources[0].name, path);
  EXPECT_EQ(manifest->sources[0].bytes, static_cast<int64_t>(text.size()));
  EXPECT_EQ(manifest->sources[0].sha256, Sha256Hex(text));
  ASSERT_EQ(manifest->tokenizer_files.size(), 2u);
  for (const ManifestFile& file : manifest->tokenizer_files)
    EXPECT_EQ(file.sha256, Sha256HexOfFile(folder_ + "/out/" + file.name).value());
  EXPECT_EQ(TextOf("train.bin") + TextOf("val.bin"), text);  // one text has no separator
  EXPECT_EQ(manifest->train_tokens,
            static_cast<int64_t>(fs::file_size(folder_ + "/out/train.bin") / 2));
}

TEST_F(PrepareTest, DocumentsAreSeparatedAndLinesAndFilesAreDocuments) {
  Write("texts/b.jsonl", "{\"text\": \"two\", \"id\": 1}\n\n{\"text\": \"thr\\u00e9e\"}");
  Write("texts/a.txt", "one");
  Write("texts/deep/c.md", "four");
  Write("texts/.hidden.txt", "no");
  Write("texts/picture.png", "\x89PNG");
  PrepareOptions options = Options({folder_ + "/texts"}, kGpt2Tokenizer);
  options.validation = 0.25;
  options.out = folder_ + "/texts/out";  // left out of the texts, also when it is there
  for (int i = 0; i < 2; ++i) {
    const auto manifest = Prepare(options);
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    EXPECT_EQ(manifest->documents, 4);
    fs::remove_all(folder_ + "/out");
    fs::copy(options.out, folder_ + "/out");
    EXPECT_EQ(TextOf("train.bin"), "one<|endoftext|>two<|endoftext|>thrée<|endoftext|>");
    EXPECT_EQ(TextOf("val.bin"), "four<|endoftext|>");
  }
}

TEST_F(PrepareTest, OfManyDocumentsWholeOnesValidateSpreadOverAll) {
  std::string lines;
  for (int i = 0; i < 400; ++i) lines += "{\"text\": \"document " + std::to_string(i) + "\"}\n";
  PrepareOptions options = Options({Write("many.jsonl", lines)}, kCharsTokenizer);
  options.validation = 0.05;
  const auto manifest = Prepare(options);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_TRUE(manifest->validation_documents);
  std::string validation;
  for (int i = 10; i < 400; i += 20) validation += "document " + std::to_string(i - 1) + "\n";
  const std::string got = TextOf("val.bin");
  EXPECT_EQ(std::count(got.begin(), got.end(), '\n'), 20);
  EXPECT_THAT(got, ::testing::StartsWith("document 9\ndocument 29\n"));
  const std::string train = TextOf("train.bin");
  EXPECT_EQ(std::count(train.begin(), train.end(), '\n'), 380);
}

TEST_F(PrepareTest, ALongTextInPartsHasTheTokensOfTheWhole) {
  std::string text;
  for (int i = 0; text.size() < 3 << 20; ++i)
    text += "Zeile " + std::to_string(i * 7919) + ": größer's 👋👋  \n\n";
  const auto manifest = Prepare(Options({Write("long.txt", text)}, kGpt2Tokenizer));
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  const auto tokenizer = LoadFolderTokenizer(folder_ + "/out").value();
  const std::string validation = TextOf("val.bin");
  const std::string train = text.substr(0, text.size() - validation.size());
  EXPECT_EQ(text.substr(train.size()), validation);
  EXPECT_THAT(ReadTokenFile(folder_ + "/out/train.bin").value(),
              ::testing::ElementsAreArray(tokenizer->Encode(train).value()));
}

TEST_F(PrepareTest, BadTextsAreNamedWithTheirPlace) {
  const auto error = [&](const std::string& name, const std::string& bytes) {
    return ErrorOf(Options({Write("good.txt", "good"), Write(name, bytes)}, kCharsTokenizer));
  };
  EXPECT_THAT(error("bad.txt", "ab\xff"), HasSubstr("bad.txt, byte 3: not UTF-8 text"));
  EXPECT_THAT(error("cut.txt", "abc\xc3"), HasSubstr("cut.txt, byte 4: not UTF-8 text"));
  EXPECT_THAT(error("wide.txt", std::string("\xff\xfeh\0i\0", 6)),
              HasSubstr("byte 1: not UTF-8 text: this looks like UTF-16 text"));
  std::string late((1 << 20) - 1, 'a');
  EXPECT_THAT(error("late.txt", late + "é" + "\xed\xa0\x80"), HasSubstr("late.txt, byte 1048578:"));
  EXPECT_THAT(error("a.jsonl", "{\"text\": \"a\"}\n{\"body\": \"b\"}\n"),
              HasSubstr("a.jsonl, line 2: a JSON object with a string \"text\" is wanted"));
  EXPECT_THAT(error("b.jsonl", "{\"text\": 5}\n"), HasSubstr("b.jsonl, line 1: a JSON object"));
  EXPECT_THAT(error("c.jsonl", "\n\n{\"text\": \"a\n"), HasSubstr("c.jsonl, line 3: not JSON"));
  EXPECT_THAT(error("d.jsonl", "{\"text\": \"\xff\"}\n"), HasSubstr("d.jsonl, line 1: not JSON"));
  EXPECT_THAT(error("e.jsonl", "[1]\n"), HasSubstr("e.jsonl, line 1: a JSON object"));
  EXPECT_THAT(ErrorOf(Options({folder_ + "/no.txt"}, kCharsTokenizer)),
              HasSubstr("no.txt: not there"));
  EXPECT_THAT(ErrorOf(Options({Write("one.txt", "a")}, kCharsTokenizer)),
              HasSubstr("too few characters (1) for two splits"));
}

TEST_F(PrepareTest, AFolderThatSomethingElseWroteStaysAsItIs) {
  PrepareOptions options = Options({Write("my.txt", std::string(100, 'a'))}, kCharsTokenizer);
  Write("out/notes.txt", "mine");
  EXPECT_EQ(Prepare(options).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(Prepare(options).status().message()), HasSubstr("has notes.txt"));
  EXPECT_THAT(FilesOf(options.out), ElementsAre("notes.txt"));
  fs::remove(options.out + "/notes.txt");
  EXPECT_TRUE(Prepare(options).ok());  // an empty one
  EXPECT_TRUE(Prepare(options).ok());  // our own
  Write("out/notes.txt", "mine");
  EXPECT_EQ(Prepare(options).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(fs::exists(options.out + "/corpus.json"));
}

TEST_F(PrepareTest, WhoIsInterruptedLeavesTheFolderAsItWas) {
  const PrepareOptions options = Options({Write("my.txt", std::string(100, 'a'))}, kCharsTokenizer);
  ASSERT_TRUE(Prepare(options).ok());
  const std::string before = ReadWholeFile(options.out + "/corpus.json", 1 << 20).value();
  Write("my.txt", std::string(200, 'b'));
  for (const std::string activity : {"reading", "tokenizing"}) {
    const auto manifest = PrepareCorpus(options, [&](const char* at, int64_t, int64_t) {
      return at == activity ? absl::CancelledError("interrupted") : absl::OkStatus();
    });
    EXPECT_EQ(manifest.status().code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(ReadWholeFile(options.out + "/corpus.json", 1 << 20).value(), before);
    EXPECT_THAT(Temporaries(), IsEmpty());
  }
}

TEST_F(PrepareTest, WhatAKilledProcessLeftIsRemovedAndThatOfALivingOneIsNot) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_GT(child, 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  Write("out.tmp." + std::to_string(child) + "/train.bin", "half");
  const std::string parent = "out.tmp." + std::to_string(::getppid());
  Write(parent + "/train.bin", "theirs");
  ASSERT_TRUE(Prepare(Options({Write("my.txt", std::string(100, 'a'))}, kCharsTokenizer)).ok());
  EXPECT_THAT(Temporaries(), ElementsAre(parent));
}

TEST_F(PrepareTest, ATextThatChangesMeanwhileIsRefused) {
  const std::string path = Write("my.txt", std::string(100, 'a'));
  const PrepareOptions options = Options({path}, kGpt2Tokenizer);
  const auto manifest = PrepareCorpus(options, [&](const char* activity, int64_t, int64_t) {
    if (std::string(activity) == "reading") Write("my.txt", std::string(100, 'b'));
    return absl::OkStatus();
  });
  EXPECT_EQ(manifest.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_FALSE(fs::exists(options.out));
}

TEST_F(PrepareTest, AFullDiskLeavesNothing) {
  if (::access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full";
  PrepareOptions options = Options({Write("my.txt", std::string(100, 'a'))}, kCharsTokenizer);
  const std::string temporary = options.out + ".tmp." + std::to_string(::getpid());
  const auto manifest = PrepareCorpus(options, [&](const char* activity, int64_t, int64_t) {
    // Before the tokens are written.
    if (std::string(activity) == "reading") fs::create_symlink("/dev/full", temporary + "/val.bin");
    return absl::OkStatus();
  });
  EXPECT_EQ(manifest.status().code(), absl::StatusCode::kResourceExhausted) << manifest.status();
  EXPECT_FALSE(fs::exists(options.out));
  EXPECT_THAT(Temporaries(), IsEmpty());
}

TEST_F(PrepareTest, MissingTablesAndBadOptionsAreNamed) {
  PrepareOptions options = Options({Write("my.txt", "text")}, kCharsTokenizer);
  options.tokenizer = kGpt2Tokenizer;
  EXPECT_THAT(ErrorOf(options), HasSubstr("--tokenizer_files=DIR is needed"));
  options.tokenizer_files = folder_ + "/none";
  EXPECT_THAT(ErrorOf(options), HasSubstr("get GPT-2's:\n  curl"));
  options.validation = 1;
  EXPECT_THAT(ErrorOf(options), HasSubstr("--validation: must be above 0 and below 1 (got 1)"));
}

TEST_F(PrepareTest, TokenizerFilesThatChangedAreRefused) {
  ASSERT_TRUE(Prepare(Options({Write("my.txt", std::string(100, 'a'))}, kCharsTokenizer)).ok());
  Write("out/symbols.json", "[\"b\"]");
  EXPECT_EQ(LoadFolderTokenizer(folder_ + "/out").status().code(), absl::StatusCode::kDataLoss);
  Write("out/corpus.json", "{}");
  EXPECT_THAT(std::string(LoadFolderTokenizer(folder_ + "/out").status().message()),
              HasSubstr("this is no manifest of edgetp prepare"));
}

}  // namespace
}  // namespace edgetp
