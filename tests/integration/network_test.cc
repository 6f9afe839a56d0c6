// A network that changes while a run is in progress, end to end, with real programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

class ChangingNetworkTest : public TextFolderTest {
 protected:
  // Trains a tiny model under a profile of the folder.
  CommandResult Train(const std::string& profile, const std::vector<std::string>& more) {
    std::ofstream(folder_ + "/net.textproto") << profile;
    std::vector<std::string> arguments = {"train",        "--network=./net.textproto",
                                          "--run=net",    "--data=text.txt",
                                          "--workers=2",  "--pattern=ts",
                                          "--format=json"};
    for (const std::string& argument : TinyModel()) arguments.push_back(argument);
    arguments.push_back("--set=train.eval_interval=100000");
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunEdgetp(folder_, arguments);
  }
  static double Median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.at(values.size() / 2);
  }
  // Of metrics.jsonl, by the network that the steps ended under.
  std::map<std::string, std::vector<double>> StepSeconds() const {
    std::map<std::string, std::vector<double>> seconds;
    std::istringstream lines(ReadFile(folder_ + "/runs/net/metrics.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const nlohmann::json json = nlohmann::json::parse(line);
      seconds[json["network"]].push_back(json["step_seconds"]);
    }
    return seconds;
  }
};

// A step of `ts` has seven all-reduces: 2 ms make 14 ms, 10 ms make 70 ms, which no host can do
// without. So fewer than 150 steps fit into the first two seconds.
TEST_F(ChangingNetworkTest, StepTimeFollowsTheTimelineAndTheRunTellsIt) {
  const CommandResult train = Train(
      "name: 'way' link { delay_us: 2000 } "
      "events { at_seconds: 2 network { name: 'far' link { delay_us: 10000 } } }",
      {"--steps=170"});
  ASSERT_EQ(train.code, 0) << train.err;
  EXPECT_THAT(train.err, HasSubstr("network is now way@2s:far"));
  const auto seconds = StepSeconds();
  ASSERT_EQ(seconds.size(), 2u);
  EXPECT_GE(Median(seconds.at("way")), 0.014);
  EXPECT_GE(Median(seconds.at("way@2s:far")), 0.070);
  const nlohmann::json networks = nlohmann::json::parse(train.out)["networks"];
  ASSERT_EQ(networks.size(), 2u);
  EXPECT_EQ(networks[0]["network"], "way");
  EXPECT_EQ(networks[1]["steps"], seconds.at("way@2s:far").size());
  EXPECT_GE(networks[1]["predicted_step_seconds"], 0.070);
  EXPECT_LT(networks[0]["predicted_step_seconds"], networks[1]["predicted_step_seconds"]);
  EXPECT_THAT(ReadFile(folder_ + "/runs/net/config.textproto"), HasSubstr("at_seconds: 2"));
}

TEST_F(ChangingNetworkTest, APartitionWithinTheDeadlineOnlyStallsARun) {
  const CommandResult train = Train(
      "name: 'cut' link { delay_us: 2000 } "
      "events { at_seconds: 0.5 partition { groups { ranks: 0 } } } "
      "events { at_seconds: 1.5 restore {} }",
      {"--steps=60"});
  ASSERT_EQ(train.code, 0) << train.err;
  double longest = 0;
  for (const auto& [network, steps] : StepSeconds())
    longest = std::max(longest, *std::max_element(steps.begin(), steps.end()));
  EXPECT_GE(longest, 0.9);
}

TEST_F(ChangingNetworkTest, APartitionBeyondTheDeadlineEndsARunWithItsReason) {
  const CommandResult train = Train(
      "name: 'cut' link { delay_us: 2000 } "
      "events { at_seconds: 0.5 partition { groups { ranks: 0 } } }",
      {"--steps=1000000", "--deadline=1s"});
  EXPECT_EQ(train.code, 1);
  EXPECT_THAT(train.err, HasSubstr("link is partitioned"));
}

TEST_F(ChangingNetworkTest, ARunUnderLinkFlagsIsNamedByThemEverywhere) {
  const std::string name = "none+delay1ms+rate1gbit";
  std::vector<std::string> arguments = {"train",        "--data=text.txt", "--workers=2",
                                        "--pattern=ts", "--steps=3",       "--delay=1ms",
                                        "--rate=1gbit", "--format=json"};
  for (const std::string& argument : TinyModel()) arguments.push_back(argument);
  const CommandResult train = RunEdgetp(folder_, arguments);
  ASSERT_EQ(train.code, 0) << train.err;
  const nlohmann::json summary = nlohmann::json::parse(train.out);
  EXPECT_EQ(summary["network"], name);
  EXPECT_EQ(summary["networks"][0]["network"], name);
  EXPECT_EQ(summary["compute_source"], "measured in this run");
  EXPECT_EQ(summary["predicted_steps"], 3);
  EXPECT_TRUE(summary["verdict"]["judged"]);
  const std::string run = summary["run"];
  EXPECT_THAT(run, HasSubstr("-" + name + "-"));
  EXPECT_THAT(ReadFile(absl::StrCat(folder_, "/runs/", run, "/metrics.jsonl")),
              HasSubstr("\"network\":\"" + name + "\""));
}

TEST_F(ChangingNetworkTest, TwoNetworksOfOneNameGetTwoNames) {
  const CommandResult first = Train("name: 'home' link { delay_us: 1000 }", {"--steps=2"});
  ASSERT_EQ(first.code, 0) << first.err;
  std::filesystem::remove_all(folder_ + "/runs/net");
  const CommandResult second = Train("name: 'home' link { delay_us: 2000 }", {"--steps=2"});
  ASSERT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(nlohmann::json::parse(first.out)["network"], "home");
  EXPECT_EQ(nlohmann::json::parse(second.out)["network"], "home#2");
}

TEST_F(ChangingNetworkTest, WithoutANetworkNothingIsJudged) {
  const CommandResult train = Train("link {}", {"--steps=2"});
  ASSERT_EQ(train.code, 0) << train.err;
  const nlohmann::json verdict = nlohmann::json::parse(train.out)["verdict"];
  EXPECT_FALSE(verdict["judged"]);
  EXPECT_TRUE(verdict["valid"]);
  EXPECT_THAT(verdict["reason"].get<std::string>(), HasSubstr("not judged"));
}

// 16 KiB take 65.5 ms of the middle, which four messages of each direction pass: 262 ms and more,
// where pairs with links of their own would take 71 ms. The coordinator keeps the queue.
TEST_F(ChangingNetworkTest, AllThatCrossATopologyWaitForOneAnother) {
  std::string sites = "name: 'sites' topology { switches { name: 'a' } switches { name: 'b' } ";
  for (const char* link : {"['h0', 'a']", "['h1', 'a']", "['h2', 'b']", "['h3', 'b']"}) {
    absl::StrAppend(&sites, "links { between: ", link, " rate_bits_per_second: 1e9 } ");
  }
  for (const char* host : {"h0", "h1", "h2", "h3"})
    absl::StrAppend(&sites, "hosts { name: '", host, "' } ");
  absl::StrAppend(&sites,
                  "links { between: ['a', 'b'] delay_us: 5000 rate_bits_per_second: 2e6 } }");
  std::ofstream(folder_ + "/net.textproto") << sites;
  const CommandResult bench =
      RunEdgetp(folder_, {"bench", "allreduce", "--bytes=16KiB", "--iterations=3", "--workers=4",
                          "--allreduce=direct", "--network=./net.textproto", "--format=json"});
  ASSERT_EQ(bench.code, 0) << bench.err;
  const nlohmann::json report = nlohmann::json::parse(bench.out);
  EXPECT_GE(report["rows"][0]["median_us"].get<double>(), 4 * 65'536);
  const CommandResult crowded =
      RunEdgetp(folder_, {"bench", "allreduce", "--workers=5", "--network=./net.textproto"});
  EXPECT_EQ(crowded.code, 2);
  EXPECT_THAT(crowded.err, HasSubstr("topology.hosts: each of workers=5 needs a host (got 4)"));
}

}  // namespace
}  // namespace edgetp
