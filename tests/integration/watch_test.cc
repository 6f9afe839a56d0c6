// `edgetp watch`: what somebody sees who looks at a run that another one has started.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"
#include "tests/integration/up_cluster.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kLimit = absl::Seconds(60);

class WatchTest : public TextFolderTest {
 protected:
  void SetUp() override {
    TextFolderTest::SetUp();
    cluster_.emplace(folder_, /*workers=*/2);
  }
  void TearDown() override {
    cluster_.reset();
    TextFolderTest::TearDown();
  }

  std::vector<std::string> Train(const std::string& run, int steps) {
    std::vector<std::string> arguments = {
        "train",           "--data=text.txt",           "--pattern=ts",
        "--format=json",   absl::StrCat("--run=", run), absl::StrCat("--steps=", steps),
        cluster_->server()};
    for (const std::string& argument : TinyModel()) arguments.push_back(argument);
    return arguments;
  }

  std::vector<std::string> Watch(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"watch", "--format=json", cluster_->server()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  // The run's row in `edgetp status`, as soon as it has one step or more.
  nlohmann::json AwaitSteps(const std::string& run) {
    const absl::Time deadline = absl::Now() + kLimit;
    while (absl::Now() < deadline) {
      const nlohmann::json status = nlohmann::json::parse(
          RunEdgetp(folder_, {"status", "--format=json", cluster_->server()}).out, nullptr,
          /*allow_exceptions=*/false);
      for (const nlohmann::json& row : status["runs"]) {
        if (row["run"] == run && row["step"] > 0) return row;
      }
      absl::SleepFor(absl::Milliseconds(20));
    }
    return nlohmann::json();
  }

  std::optional<UpCluster> cluster_;
};

TEST_F(WatchTest, ARunThatHasEndedIsToldFromItsBeginning) {
  const CommandResult train = RunEdgetp(folder_, Train("done", 5));
  ASSERT_EQ(train.code, 0) << train.err;
  const CommandResult watch = RunEdgetp(folder_, Watch({"done"}));
  EXPECT_EQ(watch.code, 0) << watch.err;
  EXPECT_EQ(nlohmann::json::parse(watch.out), nlohmann::json::parse(train.out));
  EXPECT_THAT(watch.err, HasSubstr("done: step 5/5"));
}

TEST_F(WatchTest, WithoutANameItFollowsTheRunThatRunsToItsEnd) {
  EdgetpCommand train(folder_, Train("long", 1000000));
  ASSERT_EQ(AwaitSteps("long")["state"], "running") << train.Err();
  EdgetpCommand watch(folder_, Watch({}));
  const absl::Time deadline = absl::Now() + kLimit;
  while (watch.Err().find("long: step") == std::string::npos && absl::Now() < deadline)
    absl::SleepFor(absl::Milliseconds(20));
  EXPECT_EQ(RunEdgetp(folder_, {"stop", "long", cluster_->server()}).code, 0);
  const CommandResult watched = watch.Wait(kLimit);
  EXPECT_EQ(watched.code, 1) << watched.err;
  EXPECT_THAT(watched.err, HasSubstr("stopped"));
  const CommandResult trained = train.Wait(kLimit);
  EXPECT_EQ(nlohmann::json::parse(watched.out)["status"], "stopped");
  EXPECT_EQ(nlohmann::json::parse(watched.out), nlohmann::json::parse(trained.out));
}

TEST_F(WatchTest, CtrlCEndsTheWatchingAndNotTheRun) {
  EdgetpCommand train(folder_, Train("long", 1000000));
  ASSERT_EQ(AwaitSteps("long")["state"], "running") << train.Err();
  EdgetpCommand watch(folder_, Watch({"long"}));
  const absl::Time deadline = absl::Now() + kLimit;
  while (watch.Err().find("long: step") == std::string::npos && absl::Now() < deadline)
    absl::SleepFor(absl::Milliseconds(20));
  watch.Signal(SIGINT);
  EXPECT_EQ(watch.Wait(kLimit).code, 130);
  const int step = AwaitSteps("long")["step"];
  while (AwaitSteps("long")["step"] <= step && absl::Now() < deadline) {
  }
  EXPECT_GT(AwaitSteps("long")["step"], step) << "the run has ended, too";
  EXPECT_EQ(RunEdgetp(folder_, {"stop", "long", cluster_->server()}).code, 0);
}

TEST_F(WatchTest, WhatIsNotThereIsBadInputAndNamed) {
  const CommandResult none = RunEdgetp(folder_, Watch({}));
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("watch: no run is running"));
  const CommandResult unknown = RunEdgetp(folder_, Watch({"nobody"}));
  EXPECT_EQ(unknown.code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("watch: no run is called nobody"));
}

}  // namespace
}  // namespace edgetp
