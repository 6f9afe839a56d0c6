// What happens when things go wrong, with real programs: bad input is refused at once, and every
// death ends the run with a reason, no process left and a readable run directory.
#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/rpc/channel.h"
#include "edgetp/v1/cluster.grpc.pb.h"
#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"
#include "tests/integration/up_cluster.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// The promise is 2 s on a machine of one's own; tests share theirs.
constexpr absl::Duration kRefusalLimit = absl::Seconds(5);
// Heartbeat limit, the server's word, SIGTERM's grace, and a slow machine.
constexpr absl::Duration kFailureLimit = absl::Seconds(30);
// A process that is killed closes its connections: a second, and a slow machine.
constexpr absl::Duration kKilledLimit = absl::Seconds(5);
// One that is stopped is missed after the heartbeat limit of 5 s.
constexpr absl::Duration kStoppedLimit = absl::Seconds(12);

class FailureTest : public TextFolderTest {
 protected:
  // A model that trains thousands of steps a minute. What `more` says comes instead.
  std::vector<std::string> Train(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"train", "--format=json"};
    for (const char* argument : {"--data=text.txt", "--pattern=ts"}) {
      const std::string option = std::string(argument).substr(0, std::string(argument).find('='));
      const bool given = std::any_of(more.begin(), more.end(), [&](const std::string& other) {
        return absl::StartsWith(other, option + "=");
      });
      if (!given) arguments.push_back(argument);
    }
    for (const std::string& argument : TinyModel()) arguments.push_back(argument);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  // Blocks until: the run has reported a step, or half a minute.
  bool AwaitSteps(const std::string& run) const {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (ReadFile(RunFile(run, "metrics.jsonl")).find('\n') == std::string::npos) {
      if (absl::Now() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(20));
    }
    return true;
  }

  std::string RunFile(const std::string& run, const std::string& file) const {
    return absl::StrCat(folder_, "/runs/", run, "/", file);
  }

  void ExpectReadableRun(const std::string& run) const {
    EXPECT_THAT(ReadFile(RunFile(run, "config.textproto")), HasSubstr("pattern"));
    const std::string lines = ReadFile(RunFile(run, "metrics.jsonl"));
    EXPECT_TRUE(nlohmann::json::accept(lines.substr(0, lines.find('\n')))) << lines.substr(0, 300);
  }
};

struct Refusal {
  std::vector<std::string> arguments;
  std::string says;
};

TEST_F(FailureTest, BadInputIsRefusedAtOnceWithPlaceAndRule) {
  std::ofstream(folder_ + "/empty.txt");
  std::ofstream(folder_ + "/negative.textproto") << "link { rate_bits_per_second: -1 }\n";
  const std::vector<Refusal> refusals = {
      {{"--pattern=tx"}, "position 2"},
      {{"--pattern=ttt"}, "2 layers"},
      {{"--workers=3"}, "heads"},
      {{"--data=missing.txt"}, "missing.txt"},
      {{"--data=empty.txt"}, "empty"},
      {{"--set=model.vocabulary=3"}, "vocabulary"},
      {{"--network=./negative.textproto"}, "rate"},
      {{"--network=wify-5"}, "wifi-5"},
      {{"--init_from=missing.safetensors"}, "missing.safetensors"},
      {{"--resume=missing"}, "missing"},
      {{"--run=../escape"}, "name"},
      {{"--steps=0"}, "steps"},
      {{"--allreduce=rng"}, "ring"},
      {{"--patern=ts"}, "--pattern"},
      {{"--clock=simulatd"}, "simulated"},
      {{"--device=raspberry-pi-6"}, "raspberry-pi-5"},
      {{"--device=raspberry-pi-5*3"}, "3 devices for workers=2"},
      {{"--device=cpu", "--server=127.0.0.1:1"}, "--server"},
      {{"--device=cuda0"}, "is none of cpu, cuda, cuda:N and cuda:*"},
      {{"--device=cpu,cuda:0"}, "take one kind"},
      {{"--device=raspberry-pi-5,raspberry-pi-4"}, "NAME*RANKS+NAME*RANKS"},
      {{"--set=device.watts=3"}, "device.flops_per_second: must be set"},
  };
  for (const Refusal& refusal : refusals) {
    const CommandResult result = RunEdgetp(folder_, Train(refusal.arguments));
    EXPECT_EQ(result.code, 2) << refusal.arguments[0] << "\n" << result.err;
    EXPECT_THAT(result.err, HasSubstr(refusal.says)) << refusal.arguments[0];
    EXPECT_EQ(result.out, "");
    EXPECT_LT(result.elapsed, kRefusalLimit) << refusal.arguments[0];
  }
  EXPECT_FALSE(fs::exists(folder_ + "/runs")) << "something was started";
}

TEST_F(FailureTest, ACheckpointThatCannotBeSavedLosesNothingElse) {
  EdgetpCommand train(folder_, Train({"--steps=300", "--run=full", "--delay=2ms",
                                      "--set=train.checkpoint_interval=1000"}));
  ASSERT_TRUE(AwaitSteps("full"));
  // Whoever runs the tests may write anywhere; but a file is no folder.
  fs::remove_all(RunFile("full", "checkpoints"));
  std::ofstream(RunFile("full", "checkpoints")) << "in the way";
  const CommandResult result = train.Wait(kFailureLimit);
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("its last checkpoint was not saved: save checkpoint"));
  const auto summary = nlohmann::json::parse(ReadFile(RunFile("full", "summary.json")), nullptr,
                                             /*allow_exceptions=*/false);
  EXPECT_EQ(summary["status"], "done");
  EXPECT_EQ(summary["steps"], 300);
  EXPECT_NE(summary["checkpoint_error"], "");
  EXPECT_NE(summary["verdict"]["reason"], "the run did not finish");
}

// Only a worker can tell, and it takes a moment to load LibTorch.
TEST_F(FailureTest, ADeviceThatIsNotHereIsRefusedWithThoseThatAre) {
  const CommandResult result = RunEdgetp(folder_, Train({"--device=cuda:77"}));
  EXPECT_EQ(result.code, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr("--device: cuda:77 is not on this host: it has cpu"));
  EXPECT_FALSE(fs::exists(folder_ + "/runs")) << "something was started";
}

TEST_F(FailureTest, APrecisionThatTheDeviceDoesNotHaveIsRefusedBeforeAnythingStarts) {
  const CommandResult result = RunEdgetp(folder_, Train({"--set=memory.precision=tf32"}));
  EXPECT_EQ(result.code, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr("memory.precision tf32: cpu has none; GPUs have it"));
  EXPECT_FALSE(fs::exists(folder_ + "/runs")) << "something was started";
}

TEST_F(FailureTest, ARunNameIsUsedOnce) {
  ASSERT_EQ(RunEdgetp(folder_, Train({"--steps=2", "--run=once"})).code, 0);
  const std::string before = ReadFile(RunFile("once", "summary.json"));
  const CommandResult again = RunEdgetp(folder_, Train({"--steps=3", "--run=once"}));
  EXPECT_EQ(again.code, 2) << again.err;
  EXPECT_THAT(again.err, HasSubstr("once"));
  EXPECT_EQ(ReadFile(RunFile("once", "summary.json")), before);
}

// One process of a running local cluster meets a signal.
struct Death {
  std::string name;
  std::string process;
  int signal;
};

class DeathTest : public FailureTest, public testing::WithParamInterface<Death> {};

TEST_P(DeathTest, EndsTheRunWithAReasonAndLeavesNobody) {
  EdgetpCommand train(folder_, Train({"--steps=1000000", "--run=victim", "--delay=1ms"}));
  ASSERT_TRUE(AwaitSteps("victim")) << train.Err();
  std::vector<pid_t> cluster = train.Children("edgetp_worker");
  ASSERT_EQ(cluster.size(), 2u);
  for (const pid_t pid : train.Children("edgetp_server")) cluster.push_back(pid);
  ASSERT_EQ(cluster.size(), 3u);

  kill(train.Children(GetParam().process).back(), GetParam().signal);
  const absl::Time happened = absl::Now();
  const CommandResult result = train.Wait(kFailureLimit);
  EXPECT_LT(absl::Now() - happened, GetParam().signal == SIGKILL ? kKilledLimit : kStoppedLimit);
  EXPECT_EQ(result.code, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr(GetParam().process == "edgetp_worker" ? "worker" : "server"));
  EXPECT_TRUE(AwaitGone(cluster, absl::Seconds(1)));
  ExpectReadableRun("victim");
}

INSTANTIATE_TEST_SUITE_P(All, DeathTest,
                         testing::Values(Death{"WorkerKilled", "edgetp_worker", SIGKILL},
                                         Death{"WorkerStopped", "edgetp_worker", SIGSTOP},
                                         Death{"ServerKilled", "edgetp_server", SIGKILL},
                                         Death{"ServerStopped", "edgetp_server", SIGSTOP}),
                         [](const auto& info) { return info.param.name; });

TEST_F(FailureTest, CtrlCStopsTheRunAndLeavesNobody) {
  EdgetpCommand train(folder_, Train({"--steps=1000000", "--run=interrupted"}));
  ASSERT_TRUE(AwaitSteps("interrupted")) << train.Err();
  std::vector<pid_t> cluster = train.Children("edgetp_worker");
  for (const pid_t pid : train.Children("edgetp_server")) cluster.push_back(pid);
  train.Signal(SIGINT);
  const CommandResult result = train.Wait(kFailureLimit);
  EXPECT_EQ(result.code, 130) << result.err;
  EXPECT_TRUE(AwaitGone(cluster, absl::Seconds(1)));
  ExpectReadableRun("interrupted");
  EXPECT_EQ(nlohmann::json::parse(ReadFile(RunFile("interrupted", "summary.json")))["status"],
            "stopped");
}

TEST_F(FailureTest, CtrlCWhileTheClusterStartsLeavesNobody) {
  EdgetpCommand train(folder_, Train({"--steps=1000000"}));
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (train.Children("edgetp_server").empty() && absl::Now() < deadline)
    absl::SleepFor(absl::Milliseconds(1));
  std::vector<pid_t> cluster = train.Children("edgetp_server");
  train.Signal(SIGINT);
  EXPECT_EQ(train.Wait(kFailureLimit).code, 130);
  EXPECT_TRUE(AwaitGone(cluster, absl::Seconds(1)));
}

TEST_F(FailureTest, EvenAKilledCommandLeavesNobody) {
  EdgetpCommand train(folder_, Train({"--steps=1000000", "--run=orphan"}));
  ASSERT_TRUE(AwaitSteps("orphan")) << train.Err();
  std::vector<pid_t> cluster = train.Children("edgetp_worker");
  for (const pid_t pid : train.Children("edgetp_server")) cluster.push_back(pid);
  train.Signal(SIGKILL);
  train.Wait(kFailureLimit);
  EXPECT_TRUE(AwaitGone(cluster, kFailureLimit));
}

// A port that somebody else listens on.
class TakenPort {
 public:
  TakenPort() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    bind(socket_, reinterpret_cast<sockaddr*>(&address_), size);
    listen(socket_, 1);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address_), &size);
  }
  ~TakenPort() { close(socket_); }
  std::string address() const { return absl::StrCat("127.0.0.1:", ntohs(address_.sin_port)); }

 private:
  int socket_;
  sockaddr_in address_ = {};
};

TEST_F(FailureTest, APortInUseIsNamed) {
  const TakenPort taken;
  for (const char* flag : {"--listen=", "--metrics="}) {
    std::vector<std::string> arguments = {"up", "--workers=1", flag + taken.address()};
    if (std::string(flag) == "--metrics=") arguments.push_back("--listen=127.0.0.1:0");
    const CommandResult result = RunEdgetp(folder_, arguments);
    EXPECT_EQ(result.code, 1) << result.err;
    EXPECT_THAT(result.err, HasSubstr(taken.address()));
    EXPECT_LT(result.elapsed, kRefusalLimit);
  }
}

// A cluster of `edgetp up`.
class UpTest : public FailureTest {
 protected:
  void Start(int workers, const std::vector<std::string>& more = {}) {
    cluster_.emplace(folder_, workers, more);
    up_ = &cluster_->command();
    address_ = cluster_->address();
    ASSERT_NE(address_, "");
  }

  std::optional<UpCluster> cluster_;
  EdgetpCommand* up_ = nullptr;
  std::string address_;
};

TEST_F(UpTest, FewerWorkersThanAskedIsRefused) {
  Start(1);
  const CommandResult result = RunEdgetp(
      folder_, Train({"--workers=2", "--server=" + address_, "--worker_wait_seconds=0.5"}));
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("has 1 of 2 workers"));
  EXPECT_LT(result.elapsed, kRefusalLimit);
}

TEST_F(UpTest, AWorkerOfAnotherVersionIsRefused) {
  Start(1);
  const auto stub = v1::Cluster::NewStub(MakeChannel(address_));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  const auto stream = stub->Join(&context);
  v1::WorkerMessage message;
  message.mutable_join()->set_version("0.0.0-other");
  message.mutable_join()->mutable_member()->set_peer_address("127.0.0.1:1");
  stream->Write(message);
  v1::ServerMessage answer;
  while (stream->Read(&answer)) EXPECT_FALSE(answer.has_welcome());
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("0.0.0-other"));
}

TEST_F(UpTest, HealthTellsWhetherTheServerAnswers) {
  Start(1);
  EXPECT_EQ(RunEdgetp(folder_, {"health", address_}).code, 0);
  EXPECT_EQ(RunEdgetp(folder_, {"health", address_, "--timeout=soon"}).code, 2);
  up_->Signal(SIGINT);
  EXPECT_EQ(up_->Wait(kFailureLimit).code, 0);
  const CommandResult gone = RunEdgetp(folder_, {"health", address_, "--timeout=500ms"});
  EXPECT_EQ(gone.code, 1);
  EXPECT_THAT(gone.err, HasSubstr("health of " + address_));
}

TEST_F(UpTest, AChangeForAWhileNeedsARun) {
  Start(1);
  const CommandResult set =
      RunEdgetp(folder_, {"network", "set", "lte", "--for=1s", "--server=" + address_});
  EXPECT_EQ(set.code, 1);
  EXPECT_THAT(set.err, HasSubstr("no run is active"));
}

TEST_F(UpTest, AJobWithoutANetworkTakesTheClusters) {
  Start(2, {"--network=ethernet-1g"});
  const auto network_of = [this](const CommandResult& train) {
    EXPECT_EQ(train.code, 0) << train.err;
    return nlohmann::json::parse(train.out, nullptr, /*allow_exceptions=*/false)["network"];
  };
  const std::string server = "--server=" + address_;
  EXPECT_EQ(network_of(RunEdgetp(folder_, Train({"--steps=2", server}))), "ethernet-1g");
  EXPECT_EQ(RunEdgetp(folder_, {"network", "set", "ethernet-100m", server}).code, 0);
  EXPECT_EQ(network_of(RunEdgetp(folder_, Train({"--steps=2", server}))), "ethernet-100m");
  EXPECT_EQ(network_of(RunEdgetp(folder_, Train({"--steps=2", "--network=none", server}))), "none");
  const CommandResult get = RunEdgetp(folder_, {"network", "get", server, "--format=json"});
  EXPECT_EQ(nlohmann::json::parse(get.out)["name"], "ethernet-100m");
}

TEST_F(UpTest, ARunningJobTakesANewNetworkAndEndsOnStop) {
  Start(2);
  EdgetpCommand train(folder_, Train({"--steps=1000000", "--run=tuned", "--server=" + address_}));
  ASSERT_TRUE(AwaitSteps("tuned")) << train.Err();
  const CommandResult set = RunEdgetp(
      folder_, {"network", "set", "--delay=20ms", "--server=" + address_, "--format=json"});
  EXPECT_EQ(set.code, 0) << set.err;
  EXPECT_EQ(nlohmann::json::parse(set.out)["link"]["delay_us"], 20000);
  const CommandResult cut = RunEdgetp(folder_, {"network", "set", "--partition=0:1", "--for=1s",
                                                "--server=" + address_, "--format=json"});
  EXPECT_EQ(cut.code, 0) << cut.err;
  const nlohmann::json in_force = nlohmann::json::parse(cut.out);
  EXPECT_EQ(in_force["partition"].size(), 2u);
  ASSERT_EQ(in_force["events"].size(), 1u);
  EXPECT_GT(in_force["events"][0]["at_seconds"], 0);
  EXPECT_LE(in_force["events"][0]["at_seconds"], 1);
  EXPECT_EQ(in_force["events"][0]["network"]["partition"].size(), 0u);
  EXPECT_EQ(in_force["events"][0]["network"]["link"]["delay_us"], 20000);
  // What is changed for good meanwhile lasts, and the partition still ends.
  const CommandResult during = RunEdgetp(
      folder_, {"network", "set", "--delay=10ms", "--server=" + address_, "--format=json"});
  EXPECT_EQ(during.code, 0) << during.err;
  absl::SleepFor(absl::Seconds(1.5));
  const CommandResult after =
      RunEdgetp(folder_, {"network", "get", "--server=" + address_, "--format=json"});
  const nlohmann::json left = nlohmann::json::parse(after.out);
  EXPECT_EQ(left["partition"].size(), 0u);
  EXPECT_EQ(left["link"]["delay_us"], 10000);
  EXPECT_EQ(left["name"], "none+delay10ms");
  EXPECT_EQ(RunEdgetp(folder_, {"stop", "tuned", "--server=" + address_}).code, 0);
  EXPECT_EQ(train.Wait(kFailureLimit).code, 1);
  // The cluster stays for the next one.
  EXPECT_EQ(RunEdgetp(folder_, Train({"--steps=2", "--server=" + address_})).code, 0);
  up_->Signal(SIGINT);
  EXPECT_EQ(up_->Wait(kFailureLimit).code, 0);
}

}  // namespace
}  // namespace edgetp
