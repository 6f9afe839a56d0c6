// The main job, end to end, with real programs: train, repeat, evaluate, sample, compare.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

class RunTest : public TextFolderTest {};

TEST_F(RunTest, TrainReportsTheRunAndLeavesItsFiles) {
  const nlohmann::json json = Json("train", {"--pattern=ts", "--steps=6", "--run=first"});
  EXPECT_EQ(json["run"], "first");
  EXPECT_EQ(json["status"], "done");
  EXPECT_EQ(json["steps"], 6);
  EXPECT_EQ(json["sync_points_forward"], 3);
  EXPECT_GT(json["step_seconds"]["median"], 0);
  EXPECT_LE(json["step_seconds"]["median"], json["step_seconds"]["p99"]);
  EXPECT_LE(json["step_seconds"]["median"], json["wall_seconds"]);
  EXPECT_GT(json["predicted_step_seconds"], 0);
  EXPECT_LE(json["predicted_step_seconds"], json["wall_seconds"]);
  // Hardly trained: nearly the entropy of a guess among the text's 38 symbols.
  EXPECT_NEAR(json["final"]["train_loss"], std::log(38), 0.1);
  EXPECT_NEAR(json["final"]["val_loss"], std::log(38), 0.1);
  EXPECT_EQ(json["val_windows"], 4);
  EXPECT_GT(json["val_windows_total"], 100);
  EXPECT_EQ(json["checkpoint_error"], "");
  for (const char* file : {"config.textproto", "metrics.jsonl", "summary.json", "checkpoints"}) {
    EXPECT_TRUE(fs::exists(folder_ + "/runs/first/" + file)) << file;
  }
}

TEST_F(RunTest, LossesAreTheSameTwiceAndUnderAnotherNetwork) {
  const nlohmann::json first = Json("train", {"--pattern=sp", "--steps=5"});
  EXPECT_EQ(Json("train", {"--pattern=sp", "--steps=5"})["final"], first["final"]);
  EXPECT_EQ(Json("train", {"--pattern=sp", "--steps=5", "--delay=3ms", "--jitter=1ms"})["final"],
            first["final"]);
}

TEST_F(RunTest, EvalRepeatsTheLastValidationLoss) {
  const nlohmann::json train = Json(
      "train", {"--pattern=tt", "--steps=5", "--run=done", "--set=train.eval_windows=1000000"});
  EXPECT_EQ(train["val_windows"], train["val_windows_total"]);
  const auto eval = [&](const std::vector<std::string>& more) {
    std::vector<std::string> command = {"eval", "--run=done", "--data=text.txt", "--format=json"};
    command.insert(command.end(), more.begin(), more.end());
    const CommandResult result = RunEdgetp(folder_, command);
    EXPECT_EQ(result.code, 0) << result.err;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  };
  const nlohmann::json whole = eval({});
  EXPECT_NEAR(whole["loss"], train["final"]["val_loss"].get<double>(), 1e-5);
  EXPECT_EQ(whole["windows"], train["val_windows_total"]);
  const nlohmann::json first = eval({"--windows=4"});
  EXPECT_EQ(first["tokens"], 64);
  EXPECT_EQ(first["windows"], 4);
  EXPECT_EQ(first["windows_total"], train["val_windows_total"]);
}

TEST_F(RunTest, SampleIsRepeatableTextInTheDatasLetters) {
  Json("train", {"--pattern=tt", "--steps=5", "--run=poet"});
  const std::vector<std::string> command = {"sample", "--run=poet", "--prompt=the ", "--tokens=20",
                                            "--format=json"};
  const CommandResult first = RunEdgetp(folder_, command);
  ASSERT_EQ(first.code, 0) << first.err;
  const nlohmann::json json = nlohmann::json::parse(first.out);
  EXPECT_GE(json["text"].get<std::string>().size(), 20u);
  EXPECT_EQ(nlohmann::json::parse(RunEdgetp(folder_, command).out)["text"], json["text"]);
  EXPECT_EQ(RunEdgetp(folder_, {"sample", "--run=poet", "--prompt=%"}).code, 2);
}

TEST_F(RunTest, ResumeGoesOnWhereTheCheckpointEnds) {
  const nlohmann::json whole =
      Json("train", {"--pattern=ts", "--steps=8", "--set=train.decay_steps=8"});
  Json("train", {"--pattern=ts", "--steps=4", "--set=train.decay_steps=8", "--run=half"});
  const nlohmann::json rest = Json("train", {"--resume=half", "--steps=8"});
  EXPECT_EQ(rest["final"], whole["final"]);
}

// What encoding has taken away comes with the next message, of a run that goes on, too.
TEST_F(RunTest, ResumeGoesOnWithWhatErrorFeedbackHasKept) {
  const std::vector<std::string> run = {"--pattern=ss",
                                        "--wire_forward=int8",
                                        "--wire_backward=int8",
                                        "--set=collective.error_feedback_activations=true",
                                        "--set=collective.wire_grad_sync=int4",
                                        "--set=train.decay_steps=8"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), run.begin(), run.end());
    return more;
  };
  const nlohmann::json whole = Json("train", with({"--steps=8"}));
  Json("train", with({"--steps=4", "--run=half"}));
  EXPECT_EQ(Json("train", {"--resume=half", "--steps=8"})["final"], whole["final"]);
}

// With a head of its own; the vocabulary of 38 is no multiple of 4.
TEST_F(RunTest, ASharedVocabularyTrainsEvaluatesSamplesAndGoesOnAtAnotherWorldSize) {
  const std::vector<std::string> model = {"--pattern=tt", "--set=model.tied_head=false",
                                          "--set=model.heads=4", "--set=train.decay_steps=6"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), model.begin(), model.end());
    return more;
  };
  const nlohmann::json want = Json("train", with({"--steps=6", "--run=whole"}));
  Json("train", with({"--vocabulary_parallel", "--workers=4", "--steps=3", "--run=half"}));
  const nlohmann::json rest =
      Json("train", with({"--resume=half", "--workers=2", "--steps=6", "--run=rest"}));
  for (const char* loss : {"train_loss", "val_loss"})
    EXPECT_NEAR(rest["final"][loss], want["final"][loss].get<double>(), 1e-4) << loss;
  const auto eval = [&](const std::string& run) {
    return Json("eval", with({"--run=" + run, "--windows=4"}))["loss"].get<double>();
  };
  EXPECT_NEAR(eval("rest"), eval("whole"), 1e-4);
  const auto sample = [&](const std::string& run) {
    const CommandResult result = RunEdgetp(
        folder_, {"sample", "--run=" + run, "--prompt=the ", "--tokens=8", "--format=json"});
    EXPECT_EQ(result.code, 0) << result.err;
    return nlohmann::json::parse(result.out, nullptr, false)["text"];
  };
  EXPECT_EQ(sample("rest"), sample("whole"));
}

TEST_F(RunTest, AContinuationStretchesTheCosineOfItsRun) {
  Json("train", {"--pattern=ts", "--steps=3", "--run=three"});
  Json("train", {"--resume=three", "--steps=6", "--run=six"});
  EXPECT_THAT(ReadFile(folder_ + "/runs/six/config.textproto"),
              testing::HasSubstr("decay_steps: 6"));
  Json("train", {"--pattern=ts", "--steps=3", "--run=own", "--set=train.decay_steps=5"});
  Json("train", {"--resume=own", "--steps=6", "--run=kept"});
  EXPECT_THAT(ReadFile(folder_ + "/runs/kept/config.textproto"),
              testing::HasSubstr("decay_steps: 5"));
}

TEST_F(RunTest, ARunThatHasAllItsStepsIsNotTrainedAgain) {
  Json("train", {"--pattern=ts", "--steps=3", "--run=three"});
  for (const char* steps : {"--steps=3", "--steps=2"}) {
    const CommandResult again =
        RunEdgetp(folder_, {"train", "--resume=three", "--data=text.txt", steps});
    EXPECT_EQ(again.code, 0);
    EXPECT_THAT(again.err, testing::HasSubstr("nothing to do: run three has all"));
    EXPECT_EQ(again.out, "");
  }
}

TEST_F(RunTest, SweepHasARowForEveryCell) {
  const nlohmann::json json = Json(
      "sweep", {"--patterns=tt,pp", "--networks=none,ethernet-1g", "--workers=1,2", "--steps=3"});
  ASSERT_EQ(json["rows"].size(), 8u);
  for (const nlohmann::json& row : json["rows"]) EXPECT_EQ(row["status"], "done");
}

TEST_F(RunTest, EveryLetterRunsUnderEveryClockAndInANarrowFormat) {
  const std::vector<std::vector<std::string>> ways = {
      {"--networks=none,ethernet-1g"},
      {"--networks=lte", "--clock=simulated"},
      {"--networks=none", "--wire=bf16", "--allreduce=ring"}};
  for (const std::vector<std::string>& way : ways) {
    std::vector<std::string> flags = {"--patterns=t*2,s*2,p*2,l*2,g*2,d*2,t@0.5*2,t~2*2",
                                      "--steps=2"};
    flags.insert(flags.end(), way.begin(), way.end());
    const nlohmann::json json = Json("sweep", flags);
    ASSERT_EQ(json["rows"].size() % 8, 0u) << way[0];
    for (const nlohmann::json& row : json["rows"]) EXPECT_EQ(row["status"], "done") << row;
  }
}

TEST_F(RunTest, SumsThatAreLateGiveTheSameLossesUnderAnotherNetwork) {
  for (const char* pattern : {"--pattern=ll", "--pattern=t~1*2"}) {
    const nlohmann::json first = Json("train", {pattern, "--steps=3"});
    EXPECT_EQ(Json("train", {pattern, "--steps=3", "--delay=3ms", "--jitter=1ms"})["final"],
              first["final"])
        << pattern;
  }
}

// Every call of the model is audited against the plan; what has run under compute is reported.
TEST_F(RunTest, OverlapRunsUnderEveryClockAndDwGivesTheSameLosses) {
  for (const char* clock : {"--clock=emulated", "--clock=simulated"}) {
    const nlohmann::json rows =
        Json("sweep", {"--patterns=tt,sp", "--networks=ethernet-1g", "--overlap=none,dw,rows(2)",
                       "--steps=3", clock})["rows"];
    ASSERT_EQ(rows.size(), 6u);
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows[i]["status"], "done") << rows[i];
      EXPECT_EQ(rows[i]["hidden_seconds"] > 0, i % 3 > 0) << rows[i];
    }
    for (const size_t none : {0u, 3u}) {
      EXPECT_EQ(rows[none + 1]["overlap"], "DW");
      EXPECT_EQ(rows[none + 1]["final"], rows[none]["final"]);
      EXPECT_NEAR(rows[none + 2]["final"]["val_loss"].get<double>(),
                  rows[none]["final"]["val_loss"].get<double>(), 1e-4);
    }
  }
}

TEST_F(RunTest, BenchHasARowForEverySizeAndAlgorithm) {
  const CommandResult result =
      RunEdgetp(folder_, {"bench", "allreduce", "--bytes=4KiB,64KiB", "--iterations=5",
                          "--allreduce=direct,ring", "--format=json"});
  ASSERT_EQ(result.code, 0) << result.err;
  const nlohmann::json json = nlohmann::json::parse(result.out);
  ASSERT_EQ(json["rows"].size(), 4u);
  std::set<std::pair<int64_t, std::string>> cells;
  for (const nlohmann::json& row : json["rows"]) {
    cells.emplace(row["bytes"].get<int64_t>(), row["algorithm"].get<std::string>());
    EXPECT_GT(row["median_us"], 0);
    EXPECT_LE(row["median_us"], row["p99_us"]);
  }
  EXPECT_THAT(cells, testing::UnorderedElementsAre(
                         testing::Pair(4096, "direct"), testing::Pair(4096, "ring"),
                         testing::Pair(65536, "direct"), testing::Pair(65536, "ring")));
}

}  // namespace
}  // namespace edgetp
