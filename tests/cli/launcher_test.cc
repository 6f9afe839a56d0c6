// The launcher with shell scripts as server and workers: what starts, what is said, and that
// nothing is left.
#include "cli/shared/launcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// Leaves its process number behind, as every fake does.
constexpr char kHeader[] = "#!/bin/sh\necho $$ >> \"$(dirname \"$0\")/pids\"\n";
// Does what edgetp_server does once it listens.
constexpr char kBecomeReady[] =
    "for word; do case $word in --ready_file=*) file=${word#*=};; esac; done\n"
    "echo 127.0.0.1:4711 > $file.new; mv $file.new $file\n";
constexpr char kStay[] = "exec sleep 1000\n";

class LauncherTest : public testing::Test {
 protected:
  void SetUp() override {
    Write("edgetp_server", std::string(kBecomeReady) + kStay);
    Write("edgetp_worker", kStay);
  }

  void Write(const std::string& name, const std::string& script) {
    std::ofstream(folder_ / name) << kHeader << script;
    fs::permissions(folder_ / name, fs::perms::owner_all);
  }

  LauncherOptions Options(int workers) const {
    LauncherOptions options;
    options.program_directory = folder_;
    options.workers = workers;
    options.stop_grace = absl::Milliseconds(200);
    return options;
  }

  std::vector<pid_t> Pids() const {
    std::ifstream file(folder_ / "pids");
    std::vector<pid_t> pids;
    for (pid_t pid; file >> pid;) pids.push_back(pid);
    return pids;
  }

  // A script needs a moment until it has written its number.
  void AwaitPids(size_t count) const {
    while (Pids().size() < count) sched_yield();
  }

  void ExpectNobodyIsLeft() const {
    for (const pid_t pid : Pids()) EXPECT_EQ(kill(pid, 0), -1) << pid;
  }

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

TEST_F(LauncherTest, StartsServerAndWorkersAndLeavesNobody) {
  {
    auto cluster = LocalCluster::Start(Options(3));
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    EXPECT_EQ((*cluster)->address(), "127.0.0.1:4711");
    EXPECT_TRUE((*cluster)->Check().ok());
    AwaitPids(4);
  }
  EXPECT_EQ(Pids().size(), 4u);
  ExpectNobodyIsLeft();
}

// Ends at once where it is asked for its devices, and says what it was started with otherwise.
constexpr char kTellDevice[] =
    "for word; do case $word in --check_device) exit 0;; --device_slot=*) slot=$word;; esac; done\n"
    "echo $slot >> \"$(dirname \"$0\")/slots\"\n";

TEST_F(LauncherTest, WorkersAreDealtTheDevicesInTurns) {
  Write("edgetp_worker", std::string(kTellDevice) + kStay);
  LauncherOptions options = Options(3);
  options.device = "cuda:0,cuda:1";
  auto cluster = LocalCluster::Start(options);
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  std::multiset<std::string> slots;
  while (slots.size() < 3) {
    sched_yield();
    std::ifstream file(folder_ / "slots");
    slots.clear();
    for (std::string slot; file >> slot;) slots.insert(slot);
  }
  EXPECT_THAT(slots, testing::ElementsAre("--device_slot=0", "--device_slot=1", "--device_slot=2"));
}

TEST_F(LauncherTest, ADeviceThatIsNotThereEndsTheStartBeforeAnythingElse) {
  Write("edgetp_worker", "echo '--device: cuda:7 is not on this host: it has cpu' >&2\nexit 2\n");
  LauncherOptions options = Options(2);
  options.device = "cuda:7";
  const absl::Status status = LocalCluster::Start(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "--device: cuda:7 is not on this host: it has cpu");
  EXPECT_EQ(Pids().size(), 1u);  // the worker that was asked
  ExpectNobodyIsLeft();
}

TEST_F(LauncherTest, LogsGoWithTheClusterUnlessTheyAreKept) {
  std::string gone;
  std::string kept;
  {
    auto first = LocalCluster::Start(Options(1));
    auto second = LocalCluster::Start(Options(1));
    ASSERT_TRUE(first.ok() && second.ok());
    (*second)->KeepLogs();
    gone = (*first)->log_directory();
    kept = (*second)->log_directory();
  }
  EXPECT_FALSE(fs::exists(gone));
  EXPECT_TRUE(fs::exists(kept + "/server.log"));
  fs::remove_all(kept);
}

TEST_F(LauncherTest, AChildThatIgnoresSigtermIsKilled) {
  Write("edgetp_worker", "trap '' TERM\nwhile :; do sleep 0.05; done\n");
  {
    auto cluster = LocalCluster::Start(Options(1));
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    AwaitPids(2);
  }
  ExpectNobodyIsLeft();
}

TEST_F(LauncherTest, AStoppedChildEnds) {
  Write("edgetp_worker", "kill -STOP $$\n");
  {
    auto cluster = LocalCluster::Start(Options(1));
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    AwaitPids(2);
  }
  ExpectNobodyIsLeft();
}

TEST_F(LauncherTest, AServerThatEndsAtTheStartIsReportedWithItsLastWords) {
  Write("edgetp_server", "echo cannot listen on 127.0.0.1:1: address in use >&2\nexit 2\n");
  const absl::Status status = LocalCluster::Start(Options(1)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("exited with code 2"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("cannot listen on 127.0.0.1:1: address in use"));
}

TEST_F(LauncherTest, AServerThatNeverListensIsGivenUp) {
  Write("edgetp_server", kStay);
  LauncherOptions options = Options(1);
  options.start_limit = absl::Milliseconds(300);
  EXPECT_EQ(LocalCluster::Start(options).status().code(), absl::StatusCode::kDeadlineExceeded);
  ExpectNobodyIsLeft();
}

TEST_F(LauncherTest, AProgramThatCannotBeStartedIsNamedWithTheReason) {
  std::ofstream(folder_ / "edgetp_worker") << "#!/no/such/shell\n";
  const absl::Status status = LocalCluster::Start(Options(1)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("No such file or directory"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("edgetp_worker"));
}

// The kernel watches the thread that starts a child, so a thread can stand for the process.
TEST_F(LauncherTest, ChildrenEndWithTheThreadThatStartedThem) {
  absl::StatusOr<ChildProcess> child = absl::UnknownError("not started");
  std::thread([&] {
    const std::string program = (folder_ / "edgetp_worker").string();
    auto started = ChildProcess::Start("worker", {program}, (folder_ / "log").string());
    if (started.ok()) child.emplace(*std::move(started));
  }).join();
  ASSERT_TRUE(child.ok()) << child.status();
  EXPECT_TRUE(child->WaitUntil(MonotonicNow() + absl::Seconds(30)));
  EXPECT_EQ(child->Ended(), "killed by signal 15 (Terminated)");
}

TEST_F(LauncherTest, AProgramThatIsNotThereIsNamed) {
  fs::remove(folder_ / "edgetp_worker");
  const absl::Status status = LocalCluster::Start(Options(1)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("edgetp_worker"));
  ExpectNobodyIsLeft();
}

TEST_F(LauncherTest, CheckNamesTheWorkerThatEndedAndHow) {
  Write("edgetp_worker", "echo out of memory >&2\nexit 7\n");
  auto cluster = LocalCluster::Start(Options(1));
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  absl::Status status;
  while (status.ok()) {
    sched_yield();
    status = (*cluster)->Check();
  }
  for (const char* part : {"worker 0", "exited with code 7", "out of memory"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }
}

TEST_F(LauncherTest, CheckNamesTheSignalThatKilled) {
  auto cluster = LocalCluster::Start(Options(1));
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  AwaitPids(2);
  kill(Pids().back(), SIGKILL);
  absl::Status status;
  while (status.ok()) {
    sched_yield();
    status = (*cluster)->Check();
  }
  EXPECT_THAT(std::string(status.message()), HasSubstr("killed by signal 9"));
}

// Blocks until: a worker has been replaced, or none may be any more.
absl::StatusOr<std::vector<std::string>> AwaitReplaced(LocalCluster& cluster) {
  while (true) {
    auto told = cluster.ReplaceDeadWorkers();
    if (!told.ok() || !told->empty()) return told;
    sched_yield();
  }
}

TEST_F(LauncherTest, AWorkerThatEndsIsReplacedAndTold) {
  {
    auto cluster = LocalCluster::Start(Options(2));
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    AwaitPids(3);
    kill(Pids().back(), SIGKILL);
    const auto told = AwaitReplaced(**cluster);
    ASSERT_TRUE(told.ok()) << told.status();
    EXPECT_THAT((*told)[0], HasSubstr("killed by signal 9"));
    EXPECT_THAT((*told)[0], HasSubstr("is replaced (pid="));
    AwaitPids(4);
    EXPECT_TRUE((*cluster)->Check().ok());
  }
  ExpectNobodyIsLeft();
}

TEST_F(LauncherTest, WorkersThatEndAgainAndAgainAreNotReplacedForEver) {
  Write("edgetp_worker", "echo no memory >&2\nexit 7\n");
  auto cluster = LocalCluster::Start(Options(1));
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  absl::StatusOr<std::vector<std::string>> told = std::vector<std::string>();
  int rounds = 0;
  for (; told.ok() && rounds < 100; ++rounds) told = AwaitReplaced(**cluster);
  EXPECT_EQ(rounds, 5) << "one for the worker, three more, and the end";
  EXPECT_THAT(std::string(told.status().message()), HasSubstr("again and again"));
  EXPECT_THAT(std::string(told.status().message()), HasSubstr("no memory"));
}

TEST_F(LauncherTest, AServerThatEndsIsNotReplaced) {
  auto cluster = LocalCluster::Start(Options(1));
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  AwaitPids(2);
  kill(Pids().front(), SIGKILL);
  EXPECT_THAT(std::string(AwaitReplaced(**cluster).status().message()), HasSubstr("server"));
}

TEST_F(LauncherTest, WorkersOfAClusterThatDoesNotStayDoNotRejoin) {
  Write("edgetp_worker", absl::StrCat("echo \"$@\" >> ", folder_.string(), "/arguments\n", kStay));
  for (const bool stays : {false, true}) {
    LauncherOptions options = Options(1);
    options.stays = stays;
    fs::remove(folder_ / "arguments");
    auto cluster = LocalCluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    std::string line;
    while (true) {
      std::ifstream file(folder_ / "arguments");
      if (std::getline(file, line)) break;
      sched_yield();
    }
    EXPECT_EQ(line.find("--rejoin_seconds=0") == std::string::npos, stays) << line;
  }
}

}  // namespace
}  // namespace edgetp
