// edgetp advise, with real programs: the commands that it prints say and do what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"

namespace edgetp {
namespace {

// The words of a line without "edgetp", as a shell reads it.
std::vector<std::string> Words(const std::string& line) {
  std::vector<std::string> words(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '\'') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted) {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  EXPECT_EQ(words.front(), "edgetp");
  words.erase(words.begin());
  return words;
}

class AdviseCommandTest : public TextFolderTest {
 protected:
  nlohmann::json Json(std::vector<std::string> words, const std::vector<std::string>& more) {
    words.push_back("--format=json");
    words.insert(words.end(), more.begin(), more.end());
    const CommandResult result = RunEdgetp(folder_, words);
    EXPECT_EQ(result.code, 0) << result.err;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }
  nlohmann::json Advise(const std::vector<std::string>& more) {
    std::vector<std::string> model = {"advise",
                                      "--sequence=16",
                                      "--set=model.layers=2",
                                      "--set=model.heads=2",
                                      "--set=model.channels=16",
                                      "--set=model.vocabulary=65",
                                      "--set=train.batch=2",
                                      "--set=train.eval_windows=4"};
    model.insert(model.end(), more.begin(), more.end());
    return Json(model, {});
  }
};

TEST_F(AdviseCommandTest, SimulateConfirmsEveryCandidate) {
  for (const char* network : {"ethernet-1g", "wifi-5"}) {
    const nlohmann::json answer = Advise({"--devices=raspberry-pi-5*2+raspberry-pi-4",
                                          std::string("--network=") + network, "--max_workers=2"});
    ASSERT_EQ(answer["best"].size(), 10u);
    std::vector<nlohmann::json> candidates = answer["best"];
    for (const auto& candidate : answer["best_of_strategy"]) candidates.push_back(candidate);
    for (const nlohmann::json& candidate : candidates) {
      const std::string command = candidate["simulate_command"];
      const nlohmann::json simulated = Json(Words(command), {});
      for (const char* key : {"step_seconds", "tokens_per_second", "memory_bytes_per_rank"})
        EXPECT_EQ(simulated[key], candidate["predicted"][key]) << command;
    }
  }
}

TEST_F(AdviseCommandTest, TheBestIsTrainedWithTheseStepTimes) {
  const nlohmann::json answer =
      Advise({"--devices=raspberry-pi-4*2", "--network=ethernet-1g", "--exact"});
  for (const char* kind : {"best_one", "best_exact"}) {
    const nlohmann::json& candidate = answer[kind];
    const std::vector<std::string> few = {"--steps=6", "--data=text.txt"};
    const nlohmann::json charged = Json(Words(candidate["simulated_clock_command"]), few);
    EXPECT_EQ(charged["step_seconds"]["median"], candidate["predicted"]["step_seconds"]);
    const nlohmann::json waited = Json(Words(candidate["train_command"]), few);
    EXPECT_GE(waited["step_seconds"]["median"], candidate["predicted"]["step_seconds"]);
    EXPECT_EQ(waited["final"], charged["final"]);
  }
}

TEST_F(AdviseCommandTest, BadInputIsRefusedWithItsPlace) {
  const std::pair<std::vector<std::string>, std::string> refused[] = {
      {{"--network=lte"}, "--devices: must be given"},
      {{"--devices=raspberry-pi-5"}, "--network: must be given"},
      {{"--devices=raspberry-pi-5*0", "--network=lte"}, "--devices: "},
      {{"--devices=raspberry-pi-9", "--network=lte"}, "raspberry-pi-9"},
      {{"--devices=raspberry-pi-5", "--network=lte", "--goal=fun"}, "--goal"},
      {{"--devices=raspberry-pi-5", "--network=lte", "--batch_tokens=100"},
       "must be a multiple of the sequence's 64 tokens"},
  };
  for (const auto& [words, message] : refused) {
    std::vector<std::string> command = {"advise"};
    command.insert(command.end(), words.begin(), words.end());
    const CommandResult result = RunEdgetp(folder_, command);
    EXPECT_EQ(result.code, 2) << message;
    EXPECT_THAT(result.err, testing::HasSubstr(message));
  }
}

}  // namespace
}  // namespace edgetp
