// What people give by mistake, or as other projects write it, and what one run hands to the next:
// with the real programs.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/data/gpt2_weights.h"
#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"
#include "tests/integration/up_cluster.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class InputTest : public TextFolderTest {
 protected:
  // A command on the tiny model.
  CommandResult Run(const std::string& command, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {command, "--format=json"};
    for (const std::string& argument : TinyModel()) arguments.push_back(argument);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunEdgetp(folder_, arguments);
  }
  nlohmann::json Json(const std::string& command, const std::vector<std::string>& more) const {
    const CommandResult result = Run(command, more);
    EXPECT_EQ(result.code, 0) << command << " " << absl::StrJoin(more, " ") << "\n" << result.err;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }
  // Bad input: exit code 2 and a message.
  void ExpectRefused(const CommandResult& result, const std::string& says) const {
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(says));
    EXPECT_EQ(result.out, "");
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
  }
  std::string Checkpoint(const std::string& run) const {
    std::string newest;
    for (const auto& entry : fs::directory_iterator(folder_ + "/runs/" + run + "/checkpoints"))
      newest = std::max(newest, entry.path().string());
    return newest;
  }
};

// Two texts with the same last tenth: one has all of the vocabulary, the other two of its letters.
TEST_F(InputTest, ATextIsNumberedAsTheWeightsWereTrained) {
  Json("train", {"--data=text.txt", "--pattern=ts", "--steps=6", "--run=first"});
  const std::string last(500, 'o');
  std::string whole = ReadFile(folder_ + "/text.txt").substr(0, 4500);
  for (const char c : std::string("0123456789\n")) whole[c % 97] = c;
  Write("whole.txt", whole + last);
  Write("part.txt", std::string(4500, 'd') + last);
  const nlohmann::json want = Json("eval", {"--run=first", "--data=whole.txt"});
  EXPECT_EQ(Json("eval", {"--run=first", "--data=part.txt"})["loss"], want["loss"]);
  const std::string weights = Checkpoint("first");
  EXPECT_EQ(Json("eval", {"--weights=" + weights, "--data=part.txt", "--pattern=ts"})["loss"],
            want["loss"]);
  // Runs that go on keep the vocabulary, for those that go on with them.
  Json("train", {"--resume=first", "--data=part.txt", "--steps=7", "--run=resumed"});
  Json("train",
       {"--init_from=" + weights, "--data=part.txt", "--pattern=ts", "--steps=1", "--run=tuned"});
  for (const char* run : {"resumed", "tuned"})
    Json("eval", {absl::StrCat("--run=", run), "--data=text.txt"});
}

TEST_F(InputTest, ACharacterThatTheWeightsLackIsNamed) {
  Json("train", {"--data=text.txt", "--pattern=ts", "--steps=2", "--run=first"});
  Write("other.txt", std::string(900, 'a') + "?" + std::string(900, 'b'));
  const std::string says = "character '?' at position 901 is not among the";
  ExpectRefused(Run("eval", {"--run=first", "--data=other.txt"}), says);
  ExpectRefused(Run("train", {"--resume=first", "--steps=3", "--data=other.txt"}), says);
  ExpectRefused(Run("train", {"--init_from=" + Checkpoint("first"), "--data=other.txt"}), says);
}

TEST_F(InputTest, ARunningClusterNumbersATextAsTheWeightsWereTrained) {
  Write("part.txt", std::string(5000, 'd'));
  UpCluster cluster(folder_, 2);
  ASSERT_NE(cluster.address(), "");
  const std::string server = "--server=" + cluster.address();
  Json("train", {server, "--data=text.txt", "--pattern=ts", "--steps=4", "--run=first"});
  const nlohmann::json local = Json("eval", {"--run=first", "--data=part.txt"});
  EXPECT_EQ(Json("eval", {server, "--run=first", "--data=part.txt", "--pattern=ts"})["loss"],
            local["loss"]);
  Json("train", {server, "--resume=first", "--steps=5", "--data=part.txt"});
  Write("other.txt", std::string(900, 'a') + "?" + std::string(900, 'b'));
  ExpectRefused(Run("eval", {server, "--run=first", "--data=other.txt"}), "character '?'");
}

TEST_F(InputTest, AFolderWhereAFileIsMeantIsBadInput) {
  fs::create_directories(folder_ + "/folder");
  const std::vector<std::vector<std::string>> commands = {
      {"edgetp", "eval", "--weights=folder", "--data=text.txt"},
      {"edgetp", "train", "--init_from=folder", "--data=text.txt"},
      {"edgetp", "train", "--data=folder"},
      {"edgetp", "train", "--network=./folder", "--data=text.txt"},
      {"edgetp", "train", "--config=./folder", "--data=text.txt"},
      {"edgetp", "train", "--model=./folder", "--data=text.txt"},
      {"edgetp", "train", "--device=./folder", "--data=text.txt"},
      {"edgetp", "simulate", "--scenario=./folder"},
      {"edgetp", "validate", "./folder"},
      {"edgetp", "status", "--token_file=folder"},
      {"edgetp", "up", "--token_file=folder"},
      {"edgetp_server", "--token_file=folder"},
      {"edgetp_server", "--tls_ca=folder", "--tls_cert=folder", "--tls_key=folder"},
      {"edgetp_worker", "--token_file=folder"},
      {"edgetp_worker", "--tls_ca=folder", "--tls_cert=folder", "--tls_key=folder"}};
  for (const std::vector<std::string>& words : commands) {
    const std::vector<std::string> arguments(words.begin() + 1, words.end());
    const CommandResult result =
        EdgetpCommand(folder_, arguments, words[0]).Wait(absl::Seconds(20));
    EXPECT_EQ(result.code, 2) << absl::StrJoin(words, " ") << "\n" << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_THAT(result.err, HasSubstr("folder")) << absl::StrJoin(words, " ");
  }
}

TEST_F(InputTest, ARunOverALongTraceCanBeGoneOnWith) {
  {
    std::ofstream trace(folder_ + "/long.trace");
    for (int ms = 1; ms <= 300'000; ++ms) trace << ms << "\n" << ms << "\n";
  }
  Write("long.textproto", "link { trace_file: 'long.trace' }");
  Json("train", {"--network=./long.textproto", "--data=text.txt", "--pattern=ts", "--steps=2",
                 "--run=long"});
  fs::remove(folder_ + "/long.trace");  // the run has it
  Json("eval", {"--run=long", "--data=text.txt"});
  Json("train", {"--resume=long", "--steps=3", "--data=text.txt"});
  const CommandResult sample =
      RunEdgetp(folder_, {"sample", "--run=long", "--prompt=the", "--tokens=2"});
  EXPECT_EQ(sample.code, 0) << sample.err;
}

TEST_F(InputTest, WhatIsGivenForANetworkIsNamed) {
  Write("cell.trace", "1\n2\n");
  Write("cell.xml", "<?xml version=\"1.0\"?>");
  const std::vector<std::string> train = {"--data=text.txt"};
  ExpectRefused(Run("train", {"--network=cell.trace", train[0]}),
                "link { trace_file: \"cell.trace\" }");
  ExpectRefused(Run("train", {"--network=cell.xml", train[0]}), "a textproto is wanted");
}

// Two heads of one channel: neither metadata nor channels tell.
TEST_F(InputTest, HeadsThatWeightsDoNotTellAreSet) {
  Gpt2Weights weights{.shape = {2, 0, 2, 16, 40, false}};
  weights.tensors = Gpt2TensorShapes(weights.shape);
  for (NamedTensor& tensor : weights.tensors) {
    int64_t elements = 1;
    for (const int64_t size : tensor.shape) elements *= size;
    tensor.values.assign(elements, 0.5f);
  }
  ASSERT_TRUE(SaveSafetensors(folder_ + "/w.safetensors", WriteGpt2Weights(weights)).ok());
  const std::vector<std::string> eval = {"eval", "--weights=w.safetensors", "--data=text.txt",
                                         "--pattern=tt", "--format=json"};
  ExpectRefused(RunEdgetp(folder_, eval), "give --set model.heads=N");
  std::vector<std::string> set = eval;
  set.push_back("--set=model.heads=2");
  const CommandResult result = RunEdgetp(folder_, set);
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("carries no vocabulary"));
  set.push_back("--set=model.sequence=8");
  ExpectRefused(RunEdgetp(folder_, set), "model.sequence=8, the weights have 16");
}

TEST_F(InputTest, WeightsWithAHeadOfTheirOwnSayWhichModelTheyAre) {
  Json("train", {"--data=text.txt", "--pattern=ts", "--steps=2", "--run=own",
                 "--set=model.tied_head=false"});
  Json("train", {"--data=text.txt", "--pattern=ts", "--steps=2", "--run=tied"});
  const std::string own = Checkpoint("own"), tied = Checkpoint("tied");
  const nlohmann::json want = Json("eval", {"--run=own", "--data=text.txt"});
  EXPECT_EQ(Json("eval", {"--weights=" + own, "--data=text.txt", "--pattern=ts"})["loss"],
            want["loss"]);
  Json("train", {"--init_from=" + own, "--data=text.txt", "--pattern=ts", "--steps=1",
                 "--run=tuned", "--vocabulary_parallel"});
  EXPECT_THAT(ReadFile(folder_ + "/runs/tuned/config.textproto"), HasSubstr("tied_head: false"));
  for (const auto& [file, set, says] :
       {std::tuple(own, "--set=model.tied_head=true", "model.tied_head=1, the weights have 0"),
        std::tuple(tied, "--set=model.tied_head=false", "model.tied_head=0, the weights have 1")}) {
    const CommandResult refused =
        Run("train", {"--init_from=" + file, "--data=text.txt", "--pattern=ts", set});
    ExpectRefused(refused, says);
    EXPECT_EQ(std::count(refused.err.begin(), refused.err.end(), '\n'), 1) << refused.err;
  }
}

TEST_F(InputTest, AVocabularyThatIsTooSmallToBeSharedIsRefused) {
  Write("two.txt", std::string(2000, 'a') + std::string(2000, 'b'));
  ExpectRefused(Run("train", {"--data=two.txt", "--pattern=ts", "--set=model.heads=4",
                              "--workers=4", "--vocabulary_parallel"}),
                "vocabulary=2 cannot be split over workers=4");
}

TEST_F(InputTest, AddressesThatWouldWrapAroundAreRefused) {
  const std::vector<std::vector<std::string>> commands = {
      {"edgetp_server", "--listen=127.0.0.1:70000"},
      {"edgetp_server", "--listen=127.0.0.1:0", "--metrics=127.0.0.1:70000"},
      {"edgetp_worker", "--listen=127.0.0.1:70000"},
      {"edgetp_worker", "--server=127.0.0.1:70000"},
      {"edgetp_worker", "--server=http://127.0.0.1:50051"},
      {"edgetp", "status", "--server=http://127.0.0.1:50051"},
      {"edgetp", "status", "--server=localhost"},
      {"edgetp", "health", "127.0.0.1:70000"},
      {"edgetp", "up", "--listen=127.0.0.1:70000"}};
  for (const std::vector<std::string>& words : commands) {
    const std::vector<std::string> arguments(words.begin() + 1, words.end());
    const CommandResult result =
        EdgetpCommand(folder_, arguments, words[0]).Wait(absl::Seconds(20));
    EXPECT_EQ(result.code, 2) << absl::StrJoin(words, " ") << "\n" << result.err;
  }
}

TEST_F(InputTest, AResultThatNobodyGetsIsAFailure) {
  // The shell opens what the program writes to.
  for (const char* to : {">/dev/full", ">&-"}) {
    for (const char* command : {"plan --model=minigpt --pattern=tttt", "network list", "--help"}) {
      const std::string line = absl::StrCat("EDGETP_CONFIG_PATH=" EDGETP_SOURCE_DIR
                                            "/configs " EDGETP_BINARY_DIR "/bin/edgetp ",
                                            command, " 2>", folder_, "/err ", to);
      const int status = std::system(line.c_str());
      EXPECT_EQ(WEXITSTATUS(status), 1) << line;
      EXPECT_THAT(ReadFile(folder_ + "/err"), HasSubstr("write to stdout")) << line;
    }
  }
}

TEST_F(InputTest, AFolderForRunsThatCannotBeWrittenIsNamedByItsFlag) {
  const CommandResult result =
      Run("train", {"--data=text.txt", "--pattern=ts", "--steps=1", "--runs=text.txt/runs"});
  EXPECT_NE(result.code, 0);
  EXPECT_THAT(result.err, HasSubstr("--runs=text.txt/runs"));
}

class TemporaryFolderTest : public InputTest {
 protected:
  void TearDown() override {
    unsetenv("TMPDIR");
    InputTest::TearDown();
  }
  // What a local cluster leaves behind in $TMPDIR.
  int Left() const {
    return static_cast<int>(std::distance(fs::directory_iterator(folder_ + "/tmp"), {}));
  }
};

TEST_F(TemporaryFolderTest, IsTheSystemsWhereTheVariableIsEmptyAndNamedWhereItIsMissing) {
  const std::vector<std::string> train = {"--data=text.txt", "--pattern=ts", "--steps=1"};
  setenv("TMPDIR", "", 1);
  Json("train", train);
  setenv("TMPDIR", (folder_ + "/missing").c_str(), 1);
  ExpectRefused(Run("train", train), "$TMPDIR");
}

TEST_F(TemporaryFolderTest, IsGoneAfterEverySignalThatEndsACommand) {
  fs::create_directories(folder_ + "/tmp");
  setenv("TMPDIR", (folder_ + "/tmp").c_str(), 1);
  for (const int number : {SIGHUP, SIGQUIT, SIGTERM, SIGINT}) {
    EdgetpCommand up(folder_, {"up", "--workers=1", "--listen=127.0.0.1:0"});
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (up.Err().find("Server:") == std::string::npos && absl::Now() < deadline)
      absl::SleepFor(absl::Milliseconds(20));
    EXPECT_EQ(Left(), 1);
    up.Signal(number);
    EXPECT_EQ(up.Wait(absl::Seconds(20)).code, 0) << strsignal(number);
    EXPECT_EQ(Left(), 0) << strsignal(number);
  }
}

}  // namespace
}  // namespace edgetp
