// Replicas with real programs: `data` and `local` on two workers, emulated, charged and predicted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

class StrategyTest : public TextFolderTest {
 protected:
  // Of the model, in float32.
  double ParameterBytes() {
    std::vector<std::string> arguments = {"plan", "--format=json", "--set=model.vocabulary=38"};
    for (const std::string& argument : TinyModel()) arguments.push_back(argument);
    const CommandResult result = RunEdgetp(folder_, arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    return 4 * nlohmann::json::parse(result.out)["parameters"].get<double>();
  }
};

TEST_F(StrategyTest, DataOverTwoWorkersIsOneWorkerWithTwiceTheBatch) {
  const std::vector<std::string> both = {"--pattern=tt", "--steps=6",
                                         "--set=train.eval_interval=2"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), both.begin(), both.end());
    return more;
  };
  const nlohmann::json data =
      Json("train",
           with({"--strategy=data", "--bucket=8KiB", "--network=ethernet-1g", "--run=replicas"}));
  const nlohmann::json single = Json("train", with({"--workers=1", "--set=train.batch=4"}));
  for (const char* loss : {"train_loss", "val_loss"})
    EXPECT_NEAR(data["final"][loss], single["final"][loss].get<double>(), 1e-5) << loss;
  EXPECT_EQ(data["strategy"], "data");
  EXPECT_EQ(single["strategy"], "tensor");
  EXPECT_EQ(data["tokens_per_step"], single["tokens_per_step"]);
  EXPECT_EQ(data["sync_points_forward"], 0);
  EXPECT_GT(data["predicted_step_seconds"], 0);
  // Every algorithm for two sends each gradient once.
  EXPECT_NEAR(data["bytes_on_the_wire_per_rank"], ParameterBytes(), 64);
  // A checkpoint is a model as any other.
  const CommandResult eval = RunEdgetp(
      folder_, {"eval", "--run=replicas", "--data=text.txt", "--format=json", "--windows=4"});
  ASSERT_EQ(eval.code, 0) << eval.err;
  EXPECT_GT(nlohmann::json::parse(eval.out)["loss"], 0);
}

TEST_F(StrategyTest, LocalExchangesItsWeightsEveryHSteps) {
  const nlohmann::json local =
      Json("train", {"--pattern=tt", "--steps=8", "--strategy=local", "--inner_steps=4",
                     "--delay=2ms", "--rate=100mbit", "--run=islands"});
  EXPECT_EQ(local["strategy"], "local");
  EXPECT_EQ(local["steps"], 8);
  EXPECT_NEAR(local["bytes_on_the_wire_per_rank"], ParameterBytes() * 2 / 8, 64);
  EXPECT_GT(local["predicted_step_seconds"], 0);
  EXPECT_GT(local["mean_step_seconds"], local["step_seconds"]["median"]);
  // The outer momentum is in the checkpoint.
  const nlohmann::json on = Json("train", {"--resume=islands", "--steps=12"});
  EXPECT_EQ(on["status"], "done");
  EXPECT_EQ(on["strategy"], "local");
  EXPECT_EQ(Json("train", {"--resume=islands", "--steps=12", "--strategy=data"})["strategy"],
            "data");
}

TEST_F(StrategyTest, EmulatedAndChargedRunsTellOneStory) {
  for (const std::vector<std::string>& way :
       {std::vector<std::string>{"--strategy=data", "--bucket=4KiB"},
        {"--strategy=local", "--inner_steps=3"}}) {
    std::vector<std::string> both = {"--pattern=tt", "--steps=6", "--network=ethernet-100m",
                                     "--device=raspberry-pi-zero-2w", "--wire_grad_sync=int8"};
    both.insert(both.end(), way.begin(), way.end());
    const nlohmann::json paced = Json("train", both);
    both.push_back("--clock=simulated");
    const nlohmann::json charged = Json("train", both);
    EXPECT_EQ(paced["final"], charged["final"]);
    EXPECT_EQ(paced["bytes_on_the_wire_per_rank"], charged["bytes_on_the_wire_per_rank"]);
    EXPECT_EQ(paced["predicted_step_seconds"], charged["step_seconds"]["median"]);
    EXPECT_GE(paced["mean_step_seconds"].get<double>(),
              0.98 * charged["mean_step_seconds"].get<double>());
  }
}

TEST_F(StrategyTest, ASweepComparesStrategiesPerToken) {
  std::vector<std::string> arguments = {"sweep",
                                        "--data=text.txt",
                                        "--patterns=tt",
                                        "--steps=4",
                                        "--strategy=tensor,data,local",
                                        "--inner_steps=2",
                                        "--clock=simulated",
                                        "--device=raspberry-pi-5",
                                        "--networks=ethernet-1g",
                                        "--format=table"};
  for (const std::string& argument : TinyModel()) arguments.push_back(argument);
  const CommandResult result = RunEdgetp(folder_, arguments);
  ASSERT_EQ(result.code, 0) << result.err;
  for (const char* part : {"tt data", "tt local", "time saved is per token"})
    EXPECT_THAT(result.out, HasSubstr(part));
}

TEST_F(StrategyTest, WhatDoesNotFitTogetherIsSaidBeforeAnythingStarts) {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"--strategy=data", "--pattern=ts"}, "pattern: must be t alone with strategy data"},
      {{"--strategy=pipeline"}, "\"pipeline\" is not a strategy that workers execute"},
      {{"--bucket=1MiB"}, "parallel.bucket_bytes: is of strategy data alone"},
      {{"--strategy=data", "--bucket=much"}, "--bucket"},
      {{"--strategy=local", "--inner_steps=0"}, "parallel.inner_steps: must be in [1, 10000]"},
      {{"--strategy=local", "--wire=int8"}, "wire_grad_sync is the format of what it exchanges"},
  };
  for (const auto& [flags, message] : cases) {
    std::vector<std::string> arguments = {"train", "--data=text.txt"};
    for (const std::string& argument : TinyModel()) arguments.push_back(argument);
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const CommandResult result = RunEdgetp(folder_, arguments);
    EXPECT_EQ(result.code, 2);
    EXPECT_THAT(result.err, HasSubstr(message));
  }
}

}  // namespace
}  // namespace edgetp
