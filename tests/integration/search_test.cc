// edgetp search with real programs: it finds what training everything finds, and says so in a
// command that can be repeated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

class SearchTest : public TextFolderTest {
 protected:
  std::vector<std::string> Arguments(const std::string& command,
                                     const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {command, "--data=text.txt", "--format=json"};
    for (const std::string& argument : TinyModel()) arguments.push_back(argument);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  nlohmann::json Json(const std::string& command, const std::vector<std::string>& more) const {
    const CommandResult result = RunEdgetp(folder_, Arguments(command, more), absl::Seconds(240));
    EXPECT_EQ(result.code, 0) << result.err;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }
};

std::vector<std::string> AllOfFourLayers() {
  std::vector<std::string> all;
  for (int bits = 0; bits < 16; ++bits) {
    std::string pattern;
    for (int block = 0; block < 4; ++block) pattern += bits >> block & 1 ? 's' : 't';
    all.push_back(pattern);
  }
  return all;
}

// Without another mixture of the same number of `s`, or more, that has a lower loss.
std::vector<std::string> FrontOf(const std::map<std::string, double>& losses) {
  const auto drops = [](const std::string& p) { return std::count(p.begin(), p.end(), 's'); };
  std::vector<std::string> front;
  for (const auto& [pattern, loss] : losses) {
    bool beaten = false;
    for (const auto& [other, other_loss] : losses) {
      beaten = beaten || (drops(other) >= drops(pattern) && other_loss <= loss &&
                          (drops(other) > drops(pattern) || other_loss < loss));
    }
    if (!beaten) front.push_back(pattern);
  }
  return front;
}

TEST_F(SearchTest, FindsTheFrontThatTrainingAllSixteenMixturesFinds) {
  const std::vector<std::string> both = {"--set=model.layers=4", "--set=train.warmup_steps=1",
                                         "--steps=12", "--device=raspberry-pi-5"};
  std::vector<std::string> all = both;
  all.push_back("--clock=simulated");
  all.push_back("--networks=ethernet-100m");
  all.push_back("--patterns=" + absl::StrJoin(AllOfFourLayers(), ","));
  std::map<std::string, double> losses, seconds;
  const nlohmann::json sweep = Json("sweep", all);
  for (const nlohmann::json& row : sweep["rows"]) {
    losses[row["pattern"]] = row["final"]["val_loss"];
    seconds[row["pattern"]] = row["step_seconds"]["median"];
  }
  ASSERT_EQ(losses.size(), 16u);

  std::vector<std::string> typed = both;
  typed.push_back("--rungs=1");
  typed.push_back("--network=ethernet-100m");
  const nlohmann::json search = Json("search", typed);
  std::vector<std::string> front;
  for (const nlohmann::json& row : search["rows"]) {
    const std::string pattern = row["pattern"];
    EXPECT_EQ(row["losses"][0]["loss"], losses[pattern]) << pattern;
    EXPECT_NEAR(row["step_seconds"], seconds[pattern], 2e-3 * seconds[pattern]) << pattern;
    if (row["on_front"]) front.push_back(pattern);
  }
  EXPECT_EQ(search["rows"].size(), 16u);
  EXPECT_THAT(front, testing::UnorderedElementsAreArray(FrontOf(losses)));
}

TEST_F(SearchTest, ItsCommandTrainsTheChosenPatternToTheSameLoss) {
  const nlohmann::json search =
      Json("search", {"--budget_loss=5%", "--steps=8", "--factor=2", "--rungs=2", "--seed=7",
                      "--eval_windows=3", "--network=wifi-5", "--set=train.warmup_steps=1"});
  EXPECT_EQ(search["amounts"], (std::vector<int>{4, 8}));
  EXPECT_EQ(search["compared_amount"], 8);
  EXPECT_THAT(search["device"].get<std::string>(), HasSubstr("host (measured"));
  const std::string chosen = search["chosen"];
  ASSERT_NE(chosen, "");
  double loss = 0;
  for (const nlohmann::json& row : search["rows"]) {
    if (row["pattern"] == chosen) loss = row["losses"].back()["loss"];
  }
  std::vector<std::string> words = absl::StrSplit(search["command"].get<std::string>(), ' ');
  ASSERT_EQ(words[0], "edgetp");
  words.erase(words.begin());
  words.push_back("--clock=simulated");
  words.push_back("--format=json");
  const CommandResult train = RunEdgetp(folder_, words);
  ASSERT_EQ(train.code, 0) << train.err;
  EXPECT_EQ(nlohmann::json::parse(train.out)["final"]["val_loss"], loss);
}

TEST_F(SearchTest, WeightsAreEvaluatedAsTheyAre) {
  Json("train", {"--pattern=tt", "--steps=20", "--run=dense", "--set=train.warmup_steps=1"});
  std::string file;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/runs/dense/checkpoints"))
    file = "runs/dense/checkpoints/" + entry.path().filename().string();
  const nlohmann::json search =
      Json("search", {"--weights=" + file, "--network=ethernet-1g", "--device=raspberry-pi-5",
                      "--eval_windows=9", "--rungs=2", "--letters=s,d"});
  EXPECT_EQ(search["method"], "eval");
  EXPECT_EQ(search["amounts"], (std::vector<int>{3, 9}));
  EXPECT_EQ(search["candidates"], 9);
  int compared = 0;
  for (const nlohmann::json& row : search["rows"]) {
    const nlohmann::json& last = row["losses"].back();
    const nlohmann::json eval =
        Json("eval", {"--weights=" + file, "--pattern=" + row["pattern"].get<std::string>(),
                      absl::StrCat("--windows=", last["amount"].get<int>())});
    EXPECT_EQ(last["loss"], eval["loss"]) << row["pattern"];
    compared += last["amount"] == 9;
  }
  EXPECT_GE(compared, 2);
  EXPECT_LT(compared, 9);
  EXPECT_THAT(search["command"].get<std::string>(), HasSubstr("--init_from=" + file));
}

TEST_F(SearchTest, AnInterruptStopsEverythingAndPrintsWhatIsKnown) {
  EdgetpCommand command(
      folder_, Arguments("search", {"--network=lte", "--device=raspberry-pi-5", "--steps=20000",
                                    "--factor=100", "--rungs=2"}));
  for (int i = 0; i < 600 && command.Err().find("[5/") == std::string::npos; ++i)
    absl::SleepFor(absl::Milliseconds(100));
  const std::vector<pid_t> workers = command.Children("edgetp_worker");
  EXPECT_EQ(workers.size(), 2u);
  command.Signal(SIGINT);
  const CommandResult result = command.Wait(absl::Seconds(30));
  EXPECT_EQ(result.code, 130) << result.err;
  EXPECT_TRUE(AwaitGone(workers, absl::Seconds(10)));
  const nlohmann::json search = nlohmann::json::parse(result.out, nullptr, false);
  EXPECT_EQ(search["error"], "interrupted");
  EXPECT_EQ(search["chosen"], "");
  EXPECT_EQ(search["compared_amount"], 200);
  EXPECT_EQ(search["rows"].size(), 4u);
}

TEST_F(SearchTest, BadInputIsOneLineBeforeAnythingStarts) {
  Json("train", {"--pattern=tt", "--steps=2", "--run=dense"});
  std::string file;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/runs/dense/checkpoints"))
    file = entry.path();
  const std::string network = "--network=lte";
  const struct {
    std::vector<std::string> words;
    std::string says;
  } cases[] = {{{}, "--network: must be given"},
               {{network, "--budget_loss=little"}, "--budget_loss: invalid value \"little\""},
               {{network, "--budget_loss=-1%"}, "--budget_loss: "},
               {{network, "--letters=t"}, "--letters: a letter beside t is needed"},
               {{network, "--letters=t,x"}, "'x' is not a block"},
               {{network, "--letters=ts"}, "\"ts\" is 2 blocks"},
               {{network, "--set=model.layers=1"}, "model.layers: "},
               {{network, "--workers=1"}, "--workers: "},
               {{network, "--rungs=0"}, "--rungs"},
               {{network, "--seeds=11"}, "--seeds"},
               {{network, "--steps=0"}, "train.steps"},
               {{network, "--weights=" + file, "--steps=5"}, "--steps: --weights are evaluated"},
               {{network, "--weights=" + file, "--seeds=2"}, "--seeds: --weights are evaluated"},
               {{network, "--weights=" + file, "--letters=t,l"}, "l is another model"},
               {{network, "--weights=" + file, "--set=model.layers=3"}, "belong to another model"},
               {{network, "--weights=text.txt"}, "text.txt"},
               {{network, "--weights=" + file, "--init_from=" + file}, "--init_from"}};
  for (const auto& [words, says] : cases) {
    const CommandResult result = RunEdgetp(folder_, Arguments("search", words));
    EXPECT_EQ(result.code, 2) << absl::StrJoin(words, " ") << "\n" << result.err;
    EXPECT_THAT(result.err, HasSubstr(says)) << absl::StrJoin(words, " ");
    EXPECT_EQ(result.out, "") << absl::StrJoin(words, " ");
    EXPECT_EQ(result.err.find("["), std::string::npos) << "a job ran: " << result.err;
  }
}

}  // namespace
}  // namespace edgetp
