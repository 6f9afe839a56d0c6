#include "server/page/live_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/report/run_folder.h"

namespace edgetp {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::RunFolder;

v1::StatusResponse StatusOf(const std::vector<std::pair<std::string, std::string>>& runs) {
  v1::StatusResponse status;
  for (const auto& [name, state] : runs) {
    auto* const run = status.add_runs();
    run->set_run(name);
    run->set_state(state);
  }
  return status;
}

TEST(LiveReportTest, ARunThatGoesOnHasTheServersStateAndIsTheCurrentOne) {
  const RunFolder folder;
  folder.Add("a");
  folder.Add("b", {.finished = false});
  LiveReport report(folder.path());
  const json document =
      json::parse(*report.Of(StatusOf({{"a", "done"}, {"b", "running"}, {"c", "queued"}})).json);
  ASSERT_EQ(document["runs"].size(), 2u);
  EXPECT_EQ(document["runs"][0]["summary"]["status"], "done");
  EXPECT_EQ(document["runs"][1]["summary"]["status"], "running");
  EXPECT_EQ(document["current"], "b");
  EXPECT_EQ(document["live"], true);
  EXPECT_EQ(document["warnings"].size(), 0u) << document["warnings"];
}

TEST(LiveReportTest, WhatHasNoDirectoryOrNoStepIsLeftOut) {
  const RunFolder folder;
  folder.Add("empty", {.steps = 0, .finished = false});
  LiveReport report(folder.path());
  const json document =
      json::parse(*report.Of(StatusOf({{"empty", "preparing"}, {"eval-1", "running"}})).json);
  EXPECT_EQ(document["runs"].size(), 0u);
}

TEST(LiveReportTest, WhoAsksAgainAtOnceGetsTheSameText) {
  const RunFolder folder;
  folder.Add("a", {.finished = false});
  LiveReport report(folder.path());
  const v1::StatusResponse status = StatusOf({{"a", "running"}});
  const LiveReport::Text first = report.Of(status);
  folder.Append("a/metrics.jsonl", RunFolder::Line(31, 40).dump() + "\n");
  const LiveReport::Text second = report.Of(status);
  EXPECT_EQ(first.json, second.json);
  EXPECT_EQ(first.tag, second.tag);
}

TEST(RunReaderTest, LinesThatComeAreAddedAndHalfOnesWait) {
  const RunFolder folder;
  RunReader reader(folder.Add("a", {.finished = false}));
  using LastLine = RunReader::LastLine;
  ASSERT_TRUE(reader.Refresh(LastLine::kComes).value());
  EXPECT_EQ(reader.run().steps.size(), 30u);
  EXPECT_FALSE(reader.Refresh(LastLine::kComes).value());
  const std::string line = RunFolder::Line(31, 40).dump() + "\n";
  folder.Append("a/metrics.jsonl", line.substr(0, 20));
  EXPECT_FALSE(reader.Refresh(LastLine::kComes).value());
  folder.Append("a/metrics.jsonl", line.substr(20));
  EXPECT_TRUE(reader.Refresh(LastLine::kComes).value());
  EXPECT_EQ(reader.run().steps.size(), 31u);
  EXPECT_EQ(reader.run().summary["steps"], 31);
  EXPECT_FALSE(reader.finished());
}

TEST(RunReaderTest, ASummaryEndsItAndAShorterFileBeginsAnew) {
  const RunFolder folder;
  RunReader reader(folder.Add("a", {.finished = false}));
  using LastLine = RunReader::LastLine;
  ASSERT_TRUE(reader.Refresh(LastLine::kComes).ok());
  folder.Write("a/metrics.jsonl", RunFolder::Line(1, 40).dump() + "\n");
  EXPECT_TRUE(reader.Refresh(LastLine::kComes).value());
  EXPECT_EQ(reader.run().steps.size(), 1u);
  folder.Write("a/summary.json", R"({"run": "a", "status": "stopped"})");
  EXPECT_TRUE(reader.Refresh(LastLine::kComes).value());
  EXPECT_TRUE(reader.finished());
  EXPECT_EQ(reader.run().summary["status"], "stopped");
}

TEST(RunReaderTest, OnlyARunThatDoesNotGoOnIsUnfinished) {
  const RunFolder folder;
  RunReader reader(folder.Add("a", {.finished = false}));
  using LastLine = RunReader::LastLine;
  ASSERT_TRUE(reader.Refresh(LastLine::kComes).value());
  EXPECT_TRUE(reader.run().warnings.empty());
  ASSERT_TRUE(reader.Refresh(LastLine::kIsBroken).value());
  ASSERT_EQ(reader.run().warnings.size(), 1u);
  EXPECT_THAT(reader.run().warnings[0], HasSubstr("a: unfinished"));
}

TEST(RunReaderTest, WhereTheNetworkChangedIsTold) {
  const RunFolder folder;
  folder.Add("a", {.steps = 0, .finished = false});
  for (int step = 1; step <= 4; ++step) {
    json line = RunFolder::Line(step, 10);
    line["network"] = step < 3 ? "wifi-5" : "lte";
    folder.Append("a/metrics.jsonl", line.dump() + "\n");
  }
  LiveReport report(folder.path());
  const json document = json::parse(*report.Of(StatusOf({{"a", "running"}})).json);
  const json expected = {{"network", {"lte"}}, {"step", {3}}, {"wall_seconds", {0.3}}};
  EXPECT_EQ(document["runs"][0]["network_changes"], expected);
}

}  // namespace
}  // namespace edgetp
