// Text and tokens over real programs: streamed, stopped, batched, measured and simulated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

class SamplingTest : public TextFolderTest {
 protected:
  void Train() { Json("train", {"--pattern=ts", "--steps=3", "--run=poet"}); }

  CommandResult Sample(std::vector<std::string> more) {
    more.insert(more.begin(), {"sample", "--run=poet"});
    return RunEdgetp(folder_, more);
  }
  nlohmann::json SampleJson(std::vector<std::string> more) {
    more.push_back("--format=json");
    const CommandResult result = Sample(std::move(more));
    EXPECT_EQ(result.code, 0) << result.err;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }

  // One row of `bench decode` or `simulate --decode` of a tiny model.
  nlohmann::json Decode(std::vector<std::string> command) {
    const std::vector<std::string> both = {"--model=minigpt",
                                           "--pattern=ts",
                                           "--workers=2",
                                           "--device=raspberry-pi-5",
                                           "--set=model.layers=2",
                                           "--set=model.heads=2",
                                           "--set=model.channels=16",
                                           "--delay=60ms",
                                           "--prompt_tokens=5",
                                           "--tokens=6",
                                           "--batch=2",
                                           "--format=json"};
    command.insert(command.end(), both.begin(), both.end());
    const CommandResult result = RunEdgetp(folder_, command);
    EXPECT_EQ(result.code, 0) << result.err;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false)["rows"][0];
  }
};

TEST_F(SamplingTest, AllWaysToSampleTellTheSameText) {
  Train();
  const std::vector<std::string> one = {"--prompt=the ", "--tokens=30"};
  const nlohmann::json json = SampleJson(one);
  const std::string text = json["text"];
  EXPECT_EQ(text.size(), 30u);
  EXPECT_EQ(json["continuations"][0]["text"], text);
  EXPECT_EQ(json["continuations"][0]["ended_by"], "tokens");
  EXPECT_GT(json["first_token_seconds"], 0);
  EXPECT_GT(json["token_seconds"], 0);
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), one.begin(), one.end());
    return more;
  };
  EXPECT_EQ(SampleJson(with({"--no_cache"}))["text"], text);
  EXPECT_EQ(SampleJson(with({"--prompt=a fox"}))["continuations"][1]["text"], text);
  const CommandResult streamed = Sample(with({"--format=table"}));
  EXPECT_EQ(streamed.out, "the " + text + "\n");
  EXPECT_THAT(streamed.err, HasSubstr("time to first token "));
  EXPECT_THAT(streamed.err, HasSubstr(" of it communication under none"));
  const std::string stop = text.substr(10, 4);
  const nlohmann::json stopped = SampleJson(with({"--stop=" + stop}));
  EXPECT_EQ(stopped["text"], text.substr(0, text.find(stop)));
  EXPECT_EQ(stopped["continuations"][0]["ended_by"], "stop");
}

TEST_F(SamplingTest, PromptsComeFromAFileToo) {
  Train();
  std::ofstream(folder_ + "/prompts.txt") << "the fox\n\nthe dog\n";
  const CommandResult result =
      Sample({"--prompts=prompts.txt", "--tokens=3", "--top_p=0.9", "--format=table"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, testing::MatchesRegex("\\[1\\] the fox.*\n\\[2\\] the dog.*\n"));
  EXPECT_EQ(Sample({"--prompts=nowhere.txt"}).code, 2);
}

TEST_F(SamplingTest, AnInterruptLeavesTheTextSoFar) {
  Train();
  EdgetpCommand command(folder_, {"sample", "--run=poet", "--prompt=the ", "--tokens=5000",
                                  "--delay=20ms", "--format=table"});
  for (int i = 0; i < 600 && command.Out().size() < 6; ++i) absl::SleepFor(absl::Milliseconds(50));
  command.Signal(SIGINT);
  const CommandResult result = command.Wait(absl::Seconds(30));
  EXPECT_EQ(result.code, 130) << result.err;
  EXPECT_THAT(result.out, testing::StartsWith("the "));
  EXPECT_EQ(result.out.back(), '\n');
}

// As in training: the host may add to a paced token, and take nothing away.
TEST_F(SamplingTest, AMeasuredTokenTakesWhatIsSimulated) {
  const nlohmann::json measured = Decode({"bench", "decode"});
  const nlohmann::json simulated = Decode({"simulate", "--decode"});
  EXPECT_GE(measured["token_seconds"], 0.999 * simulated["token_seconds"].get<double>());
  EXPECT_LE(measured["token_seconds"], 1.25 * simulated["token_seconds"].get<double>());
  EXPECT_GT(simulated["token_seconds"], 0.18);  // three sums of 60 ms
  for (const char* same : {"pattern", "workers", "device", "prompt_tokens", "batch",
                           "bytes_per_token_per_rank", "memory_bytes_per_rank"})
    EXPECT_EQ(measured[same], simulated[same]) << same;
  EXPECT_GT(measured["communication_share"], 0.5);
  EXPECT_GT(measured["first_token_seconds"], 0.18);
  EXPECT_TRUE(measured.contains("verdict"));
}

}  // namespace
}  // namespace edgetp
