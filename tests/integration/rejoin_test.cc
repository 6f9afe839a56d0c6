// Workers that lose their server, or are lost, come back, with real programs. So does what a network
// was before a change for a while. And nobody waits in silence.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
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

// A busy machine's patience.
constexpr absl::Duration kLimit = absl::Seconds(40);

class RejoinTest : public TextFolderTest {
 protected:
  std::vector<std::string> Train(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"train", "--format=json", "--data=text.txt",
                                          "--pattern=ts", "--workers=2"};
    for (const std::string& argument : TinyModel()) arguments.push_back(argument);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  // Of the workers that the server knows, how many are in a state; -1 if it does not answer.
  int Count(const std::string& address, const std::string& state) {
    const CommandResult result =
        RunEdgetp(folder_, {"status", "--server=" + address, "--format=json"});
    const auto json = nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
    if (!json.contains("workers")) return -1;
    int count = 0;
    for (const auto& worker : json["workers"]) count += worker["state"] == state ? 1 : 0;
    return count;
  }
  bool AwaitCount(const std::string& address, const std::string& state, int count) {
    const absl::Time deadline = absl::Now() + kLimit;
    while (Count(address, state) != count) {
      if (absl::Now() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(100));
    }
    return true;
  }
  static bool AwaitText(const EdgetpCommand& command, const std::string& text) {
    const absl::Time deadline = absl::Now() + kLimit;
    while (command.Err().find(text) == std::string::npos) {
      if (absl::Now() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(50));
    }
    return true;
  }
  std::unique_ptr<EdgetpCommand> StartServer(const std::string& listen,
                                             const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"--listen=" + listen,
                                          "--ready_file=" + folder_ + "/ready"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::filesystem::remove(folder_ + "/ready");
    auto server = std::make_unique<EdgetpCommand>(folder_, arguments, "edgetp_server");
    const absl::Time deadline = absl::Now() + kLimit;
    while (ReadFile(folder_ + "/ready").empty() && absl::Now() < deadline)
      absl::SleepFor(absl::Milliseconds(20));
    const std::string ready = ReadFile(folder_ + "/ready");
    address_ = ready.substr(0, ready.find('\n'));
    EXPECT_NE(address_, "") << server->Err();
    return server;
  }

  std::string address_;
};

TEST_F(RejoinTest, AnIdleWorkerThatWasStoppedForSevenSecondsComesBack) {
  UpCluster cluster(folder_, 2);
  const pid_t worker = cluster.command().Children("edgetp_worker").back();
  kill(worker, SIGSTOP);
  ASSERT_TRUE(AwaitCount(cluster.address(), "gone", 1));
  absl::SleepFor(absl::Seconds(2));
  kill(worker, SIGCONT);
  EXPECT_TRUE(AwaitCount(cluster.address(), "idle", 2));
  EXPECT_TRUE(IsAlive(worker)) << "the same process";
  const CommandResult train = RunEdgetp(folder_, Train({"--steps=2", cluster.server()}));
  EXPECT_EQ(train.code, 0) << train.err;
}

TEST_F(RejoinTest, WorkersJoinAServerThatWasStartedAgain) {
  auto server = StartServer("127.0.0.1:0");
  const std::string address = address_;
  EdgetpCommand worker(folder_, {"--server=" + address}, "edgetp_worker");
  ASSERT_TRUE(AwaitCount(address, "idle", 1)) << worker.Err();
  server->Signal(SIGKILL);
  server->Wait(kLimit);
  EXPECT_TRUE(AwaitText(worker, "joining again in")) << worker.Err();
  server = StartServer(address);
  EXPECT_TRUE(AwaitCount(address, "idle", 1)) << worker.Err();
  EXPECT_TRUE(IsAlive(worker.pid()));
  worker.Signal(SIGTERM);
  EXPECT_EQ(worker.Wait(kLimit).code, 0);
}

// 127.1 stands for names that only the system resolves, as mDNS's pi1.local.
TEST_F(RejoinTest, AServerIsFoundByEveryNameThatTheSystemResolves) {
  auto server = StartServer("127.0.0.1:0");
  const std::string address = absl::StrCat("127.1", address_.substr(address_.rfind(':')));
  EdgetpCommand worker(folder_, {"--server=" + address}, "edgetp_worker");
  EXPECT_TRUE(AwaitCount(address, "idle", 1)) << worker.Err();
}

TEST_F(RejoinTest, AWorkerThatWaitsForItsServerEndsAtOnceWhenToldTo) {
  auto server = StartServer("127.0.0.1:0");
  EdgetpCommand worker(folder_, {"--server=" + address_}, "edgetp_worker");
  ASSERT_TRUE(AwaitCount(address_, "idle", 1)) << worker.Err();
  server->Signal(SIGKILL);
  server->Wait(kLimit);
  ASSERT_TRUE(AwaitText(worker, "joining again in")) << worker.Err();
  worker.Signal(SIGTERM);
  EXPECT_EQ(worker.Wait(absl::Seconds(10)).code, 0);
}

TEST_F(RejoinTest, AWorkerWithoutLeaveToRejoinEndsWithItsServer) {
  auto server = StartServer("127.0.0.1:0");
  EdgetpCommand worker(folder_, {"--server=" + address_, "--rejoin_seconds=0"}, "edgetp_worker");
  ASSERT_TRUE(AwaitCount(address_, "idle", 1)) << worker.Err();
  server->Signal(SIGKILL);
  server->Wait(kLimit);
  EXPECT_EQ(worker.Wait(absl::Seconds(10)).code, 1);
}

TEST_F(RejoinTest, ADeadWorkerOfUpIsReplacedAndTold) {
  UpCluster cluster(folder_, 2);
  const pid_t worker = cluster.command().Children("edgetp_worker").front();
  kill(worker, SIGKILL);
  ASSERT_TRUE(AwaitText(cluster.command(), "worker 0 is replaced")) << cluster.command().Err();
  EXPECT_THAT(cluster.command().Err(), HasSubstr("killed by signal 9"));
  EXPECT_TRUE(AwaitCount(cluster.address(), "idle", 2));
  const CommandResult train = RunEdgetp(folder_, Train({"--steps=2", cluster.server()}));
  EXPECT_EQ(train.code, 0) << train.err;
  cluster.command().Signal(SIGINT);
  EXPECT_EQ(cluster.command().Wait(kLimit).code, 0);
}

TEST_F(RejoinTest, WorkersWhoseAddressNobodyReachesSayWhyAtOnce) {
  auto server = StartServer("127.0.0.1:0");
  EdgetpCommand refused(folder_,
                        {"--server=" + address_, "--advertise=127.0.0.1:1", "--connect_seconds=1"},
                        "edgetp_worker");
  EXPECT_EQ(refused.Wait(kLimit).code, 1);
  EXPECT_THAT(refused.Err(), HasSubstr("cannot reach the address that this worker advertises"));
  EXPECT_THAT(refused.Err(), HasSubstr("127.0.0.1:1: Connection refused"));
  EdgetpCommand wildcard(folder_, {"--server=" + address_, "--advertise=0.0.0.0:4100"},
                         "edgetp_worker");
  EXPECT_EQ(wildcard.Wait(kLimit).code, 2);
  EXPECT_THAT(wildcard.Err(), HasSubstr("--advertise"));
}

TEST_F(RejoinTest, APeerThatCannotBeDialledIsNamedWhileTheRunWaits) {
  auto server = StartServer("127.0.0.1:0", {"--dial_back_seconds=0"});
  const std::vector<std::string> arguments = {"--server=" + address_, "--advertise=127.0.0.1:1"};
  EdgetpCommand first(folder_, arguments, "edgetp_worker");
  EdgetpCommand second(folder_, arguments, "edgetp_worker");
  ASSERT_TRUE(AwaitCount(address_, "idle", 2));
  EdgetpCommand train(folder_, Train({"--steps=2", "--server=" + address_}));
  EXPECT_TRUE(AwaitText(train, "rank 0 dials rank 1 at 127.0.0.1:1: ")) << train.Err();
  EXPECT_TRUE(AwaitText(train, "refused")) << train.Err();
  train.Signal(SIGINT);
  EXPECT_EQ(train.Wait(kLimit).code, 130);
}

}  // namespace
}  // namespace edgetp
