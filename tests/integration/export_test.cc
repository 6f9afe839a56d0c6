// Weights for other programs, with real programs: what is exported is what was trained.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/data/safetensors.h"
#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"
#include "tests/integration/up_cluster.h"

namespace edgetp {
namespace {

using testing::HasSubstr;
using testing::Not;

namespace fs = std::filesystem;

class ExportTest : public TextFolderTest {
 protected:
  CommandResult Export(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"export"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunEdgetp(folder_, arguments);
  }
  double Loss(const std::string& weights) {
    return Json("eval", {weights, "--windows=4", "--pattern=tt"})["loss"].get<double>();
  }
};

TEST_F(ExportTest, AFileIsTheRunsModelToTheLastBit) {
  Json("train", {"--pattern=tt", "--steps=3", "--run=a", "--set=train.checkpoint_interval=2"});
  const CommandResult result = Export({"--run=a", "--out=a.safetensors"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("a.safetensors: run a, step 3, fp32, "));
  EXPECT_THAT(result.err, Not(HasSubstr("notice")));
  EXPECT_EQ(Loss("--weights=a.safetensors"), Loss("--run=a"));
  const auto file = LoadSafetensors(folder_ + "/a.safetensors");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->metadata.at("format"), "pt");
  EXPECT_EQ(file->tensors.front().name, "transformer.wte.weight");
  for (const NamedTensor& tensor : file->tensors)
    EXPECT_THAT(tensor.name, Not(HasSubstr("optimizer")));
  // An earlier step is another model, and one that is not there is named.
  ASSERT_EQ(Export({"--run=a", "--step=2", "--out=2.safetensors"}).code, 0);
  EXPECT_NE(Loss("--weights=2.safetensors"), Loss("--weights=a.safetensors"));
  const CommandResult missing = Export({"--run=a", "--step=7", "--out=7.safetensors"});
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.err, HasSubstr("no checkpoint of step 7"));
  EXPECT_FALSE(fs::exists(folder_ + "/7.safetensors"));
}

TEST_F(ExportTest, AFolderGetsAConfigAndHalfThePrecisionHalfTheBytes) {
  Json("train", {"--pattern=tt", "--steps=2", "--run=a", "--set=model.tied_head=false"});
  for (const char* dtype : {"fp32", "bf16", "fp16"}) {
    const CommandResult result =
        Export({"--run=a", std::string("--dtype=") + dtype, std::string("--out=models/") + dtype});
    ASSERT_EQ(result.code, 0) << result.err;
  }
  const auto config =
      nlohmann::json::parse(ReadFile(folder_ + "/models/bf16/config.json"), nullptr, false);
  EXPECT_EQ(config["n_layer"], 2);
  EXPECT_EQ(config["torch_dtype"], "bfloat16");
  EXPECT_EQ(config["tie_word_embeddings"], false);
  const auto file = [](const char* dtype) {
    return "models/" + std::string(dtype) + "/model.safetensors";
  };
  const auto bytes = [&](const char* dtype) { return fs::file_size(folder_ + "/" + file(dtype)); };
  EXPECT_LT(bytes("bf16"), 0.6 * bytes("fp32"));
  const double want = Loss("--weights=" + file("fp32"));
  EXPECT_EQ(Loss("--run=a"), want);
  EXPECT_NEAR(Loss("--weights=" + file("fp16")), want, 1e-3);
  EXPECT_NEAR(Loss("--weights=" + file("bf16")), want, 1e-2);
}

TEST_F(ExportTest, ARunOfARunningClusterIsReadFromItsServer) {
  UpCluster up(folder_, 2);
  Json("train", {"--pattern=tt", "--steps=2", "--run=a", up.server()});
  const double want = Loss("--run=a");  // from the folder of runs, which is the server's
  for (const char* step : {"--step=2", ""}) {
    std::vector<std::string> arguments = {"--run=a", up.server(), "--runs=elsewhere",
                                          "--out=a.safetensors"};
    if (*step != '\0') arguments.push_back(step);
    const CommandResult result = Export(arguments);
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(Loss("--weights=a.safetensors"), want);
    fs::remove(folder_ + "/a.safetensors");
  }
  EXPECT_EQ(Json("eval", {"--run=a", "--windows=4", "--pattern=tt", "--set=model.heads=2",
                          up.server()})["loss"],
            want);
  EXPECT_EQ(Export({"--run=b", up.server(), "--out=b.safetensors"}).code, 2);
}

TEST_F(ExportTest, ALetterThatIsAnotherModelIsSaid) {
  Json("train", {"--pattern=ts", "--steps=1", "--run=a"});
  const CommandResult result = Export({"--run=a", "--out=a.safetensors"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("notice: the run was trained as ts; whoever loads the file"));
}

TEST_F(ExportTest, BadInputIsRefusedAndHarmsNothing) {
  Json("train", {"--pattern=tt", "--steps=1", "--run=a"});
  CommandResult result = Export({"--run=b", "--out=b.safetensors"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("no run is called b"));
  result = Export({"--run=a", "--out=text.txt"});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("--out=text.txt: this is a file"));
  EXPECT_THAT(ReadFile(folder_ + "/text.txt"), HasSubstr("brown fox"));
  EXPECT_EQ(Export({"--run=a", "--out=a.safetensors", "--dtype=int8"}).code, 2);
  EXPECT_FALSE(fs::exists(folder_ + "/a.safetensors"));
}

}  // namespace
}  // namespace edgetp
