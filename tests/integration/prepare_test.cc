// From texts to tokens to a model that speaks text: with the real programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/data/bytes.h"
#include "tests/data/gpt2_tables.h"
#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"
#include "tests/integration/up_cluster.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class PrepareCommandTest : public TextFolderTest {
 protected:
  CommandResult Run(const std::string& command, const std::vector<std::string>& more,
                    const std::vector<std::string>& model = TinyModel()) const {
    std::vector<std::string> arguments = {command, "--format=json"};
    arguments.insert(arguments.end(), model.begin(), model.end());
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunEdgetp(folder_, arguments);
  }
  nlohmann::json JsonOf(const CommandResult& result) const {
    EXPECT_EQ(result.code, 0) << result.err;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }
  void ExpectRefused(const CommandResult& result, const std::string& says) const {
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(says));
  }
  nlohmann::json Prepare(const std::vector<std::string>& more) const {
    return JsonOf(Run("prepare", more, {}));
  }
  nlohmann::json PrepareGpt2(const std::string& out) const {
    WriteGpt2Tables(folder_ + "/gpt2");
    return Prepare({"text.txt", "--tokenizer=gpt2", "--tokenizer_files=gpt2", "--out=" + out});
  }
};

// The text travels as a blob, the folder's windows one by one.
TEST_F(PrepareCommandTest, AFolderTrainsToTheSameBitsAsItsText) {
  const auto manifest = Prepare({"text.txt", "--tokenizer=chars", "--out=chars"});
  EXPECT_EQ(manifest["tokenizer"], "chars");
  const std::vector<std::string> steps = {"--steps=5", "--workers=2", "--pattern=ts"};
  const auto train = [&](const std::string& data) {
    std::vector<std::string> more = steps;
    more.push_back("--data=" + data);
    more.push_back("--run=" + data.substr(0, 4));
    return JsonOf(Run("train", more));
  };
  const auto text = train("text.txt");
  const auto folder = train("chars");
  EXPECT_EQ(folder["final"]["train_loss"], text["final"]["train_loss"]);
  EXPECT_EQ(folder["final"]["val_loss"], text["final"]["val_loss"]);
  // Its checkpoint speaks text, and so does a run that goes on with it.
  EXPECT_EQ(JsonOf(Run("sample", {"--run=char", "--prompt=the ", "--tokens=5"}, {}))["tokens"], 5);
  const auto on_text = JsonOf(Run("eval", {"--run=char", "--data=text.txt", "--windows=3"}, {}));
  const auto on_folder = JsonOf(Run("eval", {"--run=char", "--windows=3"}, {}));
  EXPECT_EQ(on_text["loss"], on_folder["loss"]);
}

// A folder of /proc/self is another one for each process: as for a server of another host.
TEST_F(PrepareCommandTest, AServerThatDoesNotSeeTheFolderIsSentItsTokens) {
  Prepare({"text.txt", "--tokenizer=chars", "--out=chars"});
  const std::string elsewhere = folder_ + "/elsewhere";
  fs::create_directory(elsewhere);
  const UpCluster cluster(elsewhere, 2);
  const auto train = [&](const std::string& data) {
    return Run("train",
               {"--data=" + data, "--steps=3", "--workers=2", "--pattern=ts", cluster.server()});
  };
  const CommandResult sent = train("/proc/self/cwd/chars");
  EXPECT_THAT(sent.err, HasSubstr("its tokens are sent there"));
  EXPECT_EQ(JsonOf(sent)["final"]["val_loss"], JsonOf(train("chars"))["final"]["val_loss"]);
}

TEST_F(PrepareCommandTest, AModelOfGpt2sTokensSpeaksText) {
  EXPECT_EQ(PrepareGpt2("tokens")["vocabulary"], 50257);
  const auto run = JsonOf(Run("train", {"--data=tokens", "--steps=2", "--workers=2", "--run=a"}));
  EXPECT_EQ(run["status"], "done");
  const std::string prompt = "the quick brown";
  const auto sample = JsonOf(Run("sample", {"--run=a", "--prompt=" + prompt, "--tokens=3"}, {}));
  EXPECT_EQ(sample["tokens"], 3);
  EXPECT_FALSE(sample["text"].get<std::string>().empty());
  // Evaluation encodes a text as the model's tokens are: the last tenth of it is the same text.
  const auto on_text = JsonOf(Run("eval", {"--run=a", "--data=text.txt", "--windows=2"}, {}));
  const auto on_folder = JsonOf(Run("eval", {"--run=a", "--windows=2"}, {}));
  EXPECT_EQ(on_text["loss"], on_folder["loss"]);
  // The tables are where the corpus is; elsewhere they have to be named.
  fs::rename(folder_ + "/tokens", folder_ + "/moved");
  ExpectRefused(Run("sample", {"--run=a"}, {}), "give --tokenizer_files=DIR");
  EXPECT_EQ(Run("sample", {"--run=a", "--tokenizer_files=moved", "--tokens=1"}, {}).code, 0);
}

TEST_F(PrepareCommandTest, TokensOfAnotherTokenizerAreRefused) {
  PrepareGpt2("tokens");
  Prepare({"text.txt", "--tokenizer=chars", "--out=chars"});
  ASSERT_EQ(
      Run("train", {"--data=chars", "--steps=1", "--run=a", "--set=model.vocabulary=50257"}).code,
      0);
  ExpectRefused(Run("eval", {"--run=a", "--data=tokens"}, {}),
                "--data=tokens has tokens of gpt2 (");
  ExpectRefused(Run("train", {"--resume=a", "--steps=2", "--data=tokens"}, {}),
                "the same numbers stand for other texts");
}

TEST_F(PrepareCommandTest, TokensOutsideTheVocabularyAreNamedWithTheirPlace) {
  Prepare({"text.txt", "--tokenizer=chars", "--out=chars"});
  {
    std::fstream file(folder_ + "/chars/train.bin",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(2 * 100);
    file.write("\x77\x00", 2);
  }
  ExpectRefused(Run("train", {"--data=chars", "--steps=1"}), "token 119 is outside the vocabulary");
  fs::remove(folder_ + "/chars/corpus.json");
  ExpectRefused(Run("train", {"--data=chars", "--steps=1", "--set=model.vocabulary=50"}),
                "token 119 at position 100 of the training split is outside model.vocabulary=50");
}

// 20 GB of which nearly all are zeros that the disk need not keep.
TEST_F(PrepareCommandTest, TwentyGigabytesStartAsFastAsAFewKilobytes) {
  fs::create_directory(folder_ + "/large");
  for (const char* name : {"train.bin", "val.bin"}) {
    std::string bytes;
    for (int i = 0; i < 100'000; ++i) AppendNumber(static_cast<uint16_t>(1 + i % 60), &bytes);
    std::ofstream(absl::StrCat(folder_, "/large/", name), std::ios::binary) << bytes;
  }
  fs::resize_file(folder_ + "/large/train.bin", uint64_t{20} << 30);
  ExpectRefused(Run("train", {"--data=large", "--steps=1"}), "give --set model.vocabulary=N");
  const CommandResult run =
      Run("train", {"--data=large", "--steps=2", "--workers=2", "--set=model.vocabulary=61"});
  EXPECT_EQ(run.code, 0) << run.err;
  // To read all of it takes longer on any machine.
  EXPECT_LT(run.elapsed, absl::Seconds(30));
}

TEST_F(PrepareCommandTest, WhoPressesControlCLeavesNothing) {
  WriteGpt2Tables(folder_ + "/gpt2");
  {
    std::ofstream text(folder_ + "/long.txt");
    for (int i = 0; i < 3'000'000; ++i) text << "a line of its own, number " << i << "\n";
  }
  EdgetpCommand command(folder_, {"prepare", "long.txt", "--tokenizer=gpt2",
                                  "--tokenizer_files=gpt2", "--out=tokens"});
  const std::string half = absl::StrCat(folder_, "/tokens.tmp.", command.pid(), "/train.bin");
  for (int i = 0; i < 2000 && !fs::exists(half); ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_TRUE(fs::exists(half));
  command.Signal(SIGINT);
  const CommandResult result = command.Wait(absl::Seconds(20));
  EXPECT_EQ(result.code, 130) << result.err;
  EXPECT_FALSE(fs::exists(folder_ + "/tokens"));
  EXPECT_FALSE(fs::exists(fs::path(half).parent_path()));
}

TEST_F(PrepareCommandTest, BadInputIsOneLineWithItsPlace) {
  ExpectRefused(Run("prepare", {"text.txt", "--tokenizer=gpt3", "--out=x"}, {}), "--tokenizer");
  ExpectRefused(Run("prepare", {"no.txt", "--tokenizer=chars", "--out=x"}, {}), "no.txt");
  ExpectRefused(Run("prepare", {"text.txt", "--tokenizer=chars", "--out=."}, {}),
                "which edgetp did not write");
  ExpectRefused(
      Run("prepare", {"text.txt", "--tokenizer=gpt2", "--tokenizer_files=none", "--out=x"}, {}),
      "curl");
  EXPECT_FALSE(fs::exists(folder_ + "/x"));
}

}  // namespace
}  // namespace edgetp
