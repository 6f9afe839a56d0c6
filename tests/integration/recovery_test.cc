// Runs that are interrupted by whatever there is, with real programs: they end where an undisturbed
// one does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"
#include "tests/integration/up_cluster.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A new worker, another model of a few thousand parameters, and a slow machine.
constexpr absl::Duration kRunLimit = absl::Seconds(60);

class RecoveryRunTest : public TextFolderTest {
 protected:
  std::vector<std::string> Train(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"train", "--format=json", "--data=" + data_,
                                          "--set=train.warmup_steps=1"};
    for (const std::string& argument : TinyModel()) arguments.push_back(argument);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  nlohmann::json Done(const CommandResult& result) const {
    EXPECT_EQ(result.code, 0) << result.err;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }
  nlohmann::json TrainDone(const std::vector<std::string>& more) const {
    return Done(RunEdgetp(folder_, Train(more)));
  }
  std::string RunFile(const std::string& run, const std::string& file) const {
    return absl::StrCat(folder_, "/runs/", run, "/", file);
  }
  // The tensors of a checkpoint, without the header, which has the run's name.
  std::string TensorBytes(const std::string& run, int step) const {
    const std::string name = absl::StrCat("checkpoints/step-00000", step, ".safetensors");
    const std::string bytes = ReadFile(RunFile(run, name));
    uint64_t header = 0;
    if (bytes.size() < sizeof(header)) return "";
    std::memcpy(&header, bytes.data(), sizeof(header));
    return bytes.substr(sizeof(header) + header);
  }
  // Blocks until: that many lines of metrics, or half a minute.
  bool AwaitSteps(const std::string& run, int steps) const {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (absl::Now() < deadline) {
      const std::string lines = ReadFile(RunFile(run, "metrics.jsonl"));
      if (std::count(lines.begin(), lines.end(), '\n') >= steps) return true;
      absl::SleepFor(absl::Milliseconds(2));
    }
    return false;
  }

  std::string data_ = "text.txt";
};

// Everything that a run has: weights, moments, step, order of the data, generators' states, what
// error feedback has kept, and of local replicas the moments of each.
TEST_F(RecoveryRunTest, AResumedRunHasTheBitsOfAnUndisturbedOne) {
  const std::vector<std::vector<std::string>> kinds = {
      {"--pattern=tt"},
      {"--pattern=sp"},
      {"--pattern=(t~2)*2"},
      {"--pattern=ts", "--set=model.dropout=0.2"},
      {"--pattern=ss", "--wire_grad_sync=int4"},
      {"--pattern=tt", "--strategy=data"},
      {"--pattern=tt", "--strategy=local", "--inner_steps=2", "--wire_grad_sync=int4"}};
  UpCluster cluster(folder_, 2);
  ASSERT_NE(cluster.address(), "");
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    const std::string whole = absl::StrCat("whole", kind), half = absl::StrCat("half", kind);
    const auto with = [&](std::vector<std::string> more) {
      more.insert(more.end(), kinds[kind].begin(), kinds[kind].end());
      more.push_back(cluster.server());
      return more;
    };
    const auto want = TrainDone(with({"--steps=8", "--run=" + whole}));
    TrainDone(with({"--steps=4", "--set=train.decay_steps=8", "--run=" + half}));
    const auto rest =
        TrainDone({cluster.server(), "--resume=" + half, "--run=" + half, "--steps=8"});
    EXPECT_EQ(rest["final"], want["final"]) << kinds[kind].back();
    EXPECT_FALSE(TensorBytes(whole, 8).empty());
    EXPECT_TRUE(TensorBytes(half, 8) == TensorBytes(whole, 8)) << kinds[kind].back();
  }
}

TEST_F(RecoveryRunTest, AResumeThatWouldNotBeTheSameRunIsRefused) {
  TrainDone({"--pattern=ts", "--steps=4", "--checkpoint_interval=2", "--run=first"});
  const std::string newest = RunFile("first", "checkpoints/step-000004.safetensors");
  const auto refused = [&](const std::vector<std::string>& more, const std::string& says) {
    const CommandResult result = RunEdgetp(folder_, Train(more));
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(says));
  };
  const std::string before = ReadFile(RunFile("first", "metrics.jsonl"));
  refused({"--resume=first", "--steps=6", "--set=model.channels=32"},
          "--resume=first: these weights belong to another model: model.channels=32");
  std::string text = ReadFile(folder_ + "/text.txt");
  std::swap(text[0], text[1]);
  std::ofstream(folder_ + "/other.txt") << text;
  data_ = "other.txt";
  refused({"--resume=first", "--run=first", "--steps=6"}, "was trained on another corpus than");
  data_ = "text.txt";
  EXPECT_EQ(ReadFile(RunFile("first", "metrics.jsonl")), before);
  // Not what was saved: the one before it is taken.
  fs::resize_file(newest, 1000);
  const CommandResult passed = RunEdgetp(folder_, Train({"--resume=first", "--steps=6"}));
  EXPECT_EQ(passed.code, 0) << passed.err;
  EXPECT_THAT(passed.err,
              HasSubstr("step-000004.safetensors is passed over: is not what was saved"));
  fs::remove(RunFile("first", "checkpoints/step-000002.json"));
  refused({"--resume=first", "--steps=6"}, "no checkpoint that is sound");
}

TEST_F(RecoveryRunTest, TheNewestCheckpointsAndTheBestAreKept) {
  TrainDone({"--pattern=ts", "--steps=6", "--checkpoint_interval=1", "--keep_checkpoints=2",
             "--set=train.eval_interval=1", "--run=few"});
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(RunFile("few", "checkpoints")))
    names.push_back(entry.path().filename().string());
  EXPECT_LE(names.size(), 6u);
  EXPECT_THAT(names, testing::IsSupersetOf({"step-000006.safetensors", "step-000006.json",
                                            "step-000005.safetensors", "step-000005.json"}));
  const auto manifest = nlohmann::json::parse(
      ReadFile(RunFile("few", "checkpoints/step-000006.json")), nullptr, false);
  EXPECT_GT(manifest["validation_loss"], 0);
  EXPECT_EQ(manifest["run"], "few");
}

TEST_F(RecoveryRunTest, AKilledWorkerIsReplacedAndTheRunGoesOn) {
  const std::vector<std::string> run = {"--pattern=ts", "--steps=60", "--checkpoint_interval=10",
                                        "--delay=2ms"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), run.begin(), run.end());
    return more;
  };
  const auto want = TrainDone(with({"--run=undisturbed"}));
  EXPECT_EQ(want["attempts"], 1);
  EdgetpCommand train(folder_, Train(with({"--run=disturbed", "--on_loss=wait"})));
  ASSERT_TRUE(AwaitSteps("disturbed", 25)) << train.Err();
  kill(train.Children("edgetp_worker").back(), SIGKILL);
  const CommandResult result = train.Wait(kRunLimit);
  const auto got = Done(result);
  EXPECT_EQ(got["final"], want["final"]);
  EXPECT_EQ(got["attempts"], 2);
  EXPECT_GE(got["steps_repeated"], 0);
  EXPECT_LE(got["steps_repeated"], 30);
  EXPECT_GT(got["seconds_lost"], 0);
  EXPECT_THAT(result.err, HasSubstr("is replaced"));
  EXPECT_THAT(result.err, HasSubstr("attempt 2 begins after step"));
  const std::string lines = ReadFile(RunFile("disturbed", "metrics.jsonl"));
  EXPECT_THAT(lines, HasSubstr("\"attempt\":2"));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 60 + got["steps_repeated"].get<int>());
}

// Its windows travel to every attempt, and it is known again by its description.
TEST_F(RecoveryRunTest, ACorpusOnTheDiskIsThereForAllAttempts) {
  std::string text = ReadFile(folder_ + "/text.txt");
  std::swap(text[0], text[1]);
  std::ofstream(folder_ + "/other.txt") << text;
  for (const std::string name : {"text", "other"}) {
    const CommandResult prepared = RunEdgetp(
        folder_, {"prepare", name + ".txt", "--tokenizer=chars", "--out=" + name});
    ASSERT_EQ(prepared.code, 0) << prepared.err;
  }
  data_ = "text";
  const std::vector<std::string> run = {"--pattern=ts", "--checkpoint_interval=10", "--delay=2ms"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), run.begin(), run.end());
    return more;
  };
  const auto want = TrainDone(with({"--steps=40", "--run=undisturbed"}));
  EdgetpCommand train(folder_,
                      Train(with({"--steps=40", "--run=disturbed", "--on_loss=wait"})));
  ASSERT_TRUE(AwaitSteps("disturbed", 15)) << train.Err();
  kill(train.Children("edgetp_worker").back(), SIGKILL);
  const auto got = Done(train.Wait(kRunLimit));
  EXPECT_EQ(got["final"], want["final"]);
  EXPECT_EQ(got["attempts"], 2);
  const std::vector<std::string> on = {"--resume=disturbed", "--run=disturbed", "--steps=50"};
  data_ = "other";
  EXPECT_THAT(RunEdgetp(folder_, Train(on)).err, HasSubstr("was trained on another corpus than"));
  data_ = "text";
  EXPECT_EQ(TrainDone(on)["status"], "done");
}

TEST_F(RecoveryRunTest, ThoseThatAreLeftGoOnWithTheShapes) {
  const std::vector<std::string> run = {"--pattern=ts", "--steps=40", "--checkpoint_interval=10",
                                        "--delay=2ms"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), run.begin(), run.end());
    return more;
  };
  EdgetpCommand train(folder_, Train(with({"--run=fewer", "--on_loss=reshard"})));
  ASSERT_TRUE(AwaitSteps("fewer", 15)) << train.Err();
  kill(train.Children("edgetp_worker").front(), SIGKILL);
  const auto got = Done(train.Wait(kRunLimit));
  EXPECT_EQ(got["workers"], 1);
  EXPECT_EQ(got["attempts"], 2);
  const auto want = TrainDone(with({"--run=all"}));
  EXPECT_NEAR(got["final"]["val_loss"], want["final"]["val_loss"].get<double>(), 1e-3);
}

// As kill -9 does at its worst moment: while checkpoints are being written all the time.
TEST_F(RecoveryRunTest, AtWhateverMomentAProcessIsKilledTheRunEndsAsIfItHadNotBeen) {
  const std::vector<std::string> run = {"--pattern=ts", "--steps=40", "--checkpoint_interval=1",
                                        "--on_loss=wait", "--delay=1ms"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), run.begin(), run.end());
    return more;
  };
  const auto want = TrainDone(with({"--run=undisturbed"}));
  std::mt19937 random(14);
  for (const char* victim : {"edgetp_worker", "edgetp_server", "edgetp"}) {
    const std::string name = absl::StrCat("killed-", victim);
    EdgetpCommand train(folder_, Train(with({"--run=" + name})));
    ASSERT_TRUE(AwaitSteps(name, 3 + static_cast<int>(random() % 25))) << train.Err();
    absl::SleepFor(absl::Microseconds(random() % 10'000));
    const std::vector<pid_t> children = train.Children(victim);
    kill(children.empty() ? train.pid() : children[random() % children.size()], SIGKILL);
    const CommandResult result = train.Wait(kRunLimit);
    if (std::string(victim) == "edgetp_worker") {
      EXPECT_EQ(Done(result)["final"], want["final"]);
      continue;
    }
    EXPECT_NE(result.code, 0);
    const auto rest = TrainDone({"--resume=" + name, "--run=" + name});
    EXPECT_EQ(rest["final"], want["final"]) << victim;
    EXPECT_GE(rest["attempts"], 2);
  }
}

TEST_F(RecoveryRunTest, AFullDiskLosesACheckpointAndNothingElse) {
  EdgetpCommand train(folder_, Train({"--pattern=ts", "--steps=40", "--checkpoint_interval=10",
                                      "--delay=5ms", "--run=full"}));
  ASSERT_TRUE(AwaitSteps("full", 12)) << train.Err();
  // Steps fit, and a checkpoint does not.
  const rlimit full = {64 << 10, RLIM_INFINITY};
  ASSERT_EQ(prlimit(train.Children("edgetp_server").front(), RLIMIT_FSIZE, &full, nullptr), 0);
  const CommandResult result = train.Wait(kRunLimit);
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("warning: step 20: save checkpoint: "));
  EXPECT_THAT(result.err, HasSubstr("File too large"));
  EXPECT_EQ(nlohmann::json::parse(ReadFile(RunFile("full", "summary.json")))["steps"], 40);
  const auto rest = TrainDone({"--resume=full", "--steps=41"});
  EXPECT_EQ(rest["status"], "done");
}

}  // namespace
}  // namespace edgetp
