#include "worker/model/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/model/model_fixture.h"
#include "worker/model/torch.h"

namespace edgetp::test {
namespace {

TEST(DeviceTest, TheCpuComesFirstAndIsNoAccelerator) {
  EXPECT_EQ(PresentDevices().front(), "cpu");
  EXPECT_FALSE(IsAccelerator("cpu"));
  EXPECT_EQ(AcceleratorModel("cpu"), "");
  EXPECT_FALSE(AcceleratorMemory("cpu").has_value());
}

TEST(DeviceTest, EveryAcceleratorHasAModelAndMemory) {
  for (const std::string& device : PresentDevices()) {
    if (!IsAccelerator(device)) continue;
    EXPECT_NE(AcceleratorModel(device), "") << device;
    ASSERT_TRUE(AcceleratorMemory(device).has_value()) << device;
    EXPECT_GT(AcceleratorMemory(device)->free_bytes, 0) << device;
    EXPECT_GE(AcceleratorMemory(device)->total_bytes, AcceleratorMemory(device)->free_bytes);
  }
}

TEST(DeviceTest, DeterministicAlgorithmsRefuseOthersInsteadOfWarning) {
  ComputeDeterministically();
  EXPECT_TRUE(at::globalContext().deterministicAlgorithms());
  EXPECT_FALSE(at::globalContext().deterministicAlgorithmsWarnOnly());
  EXPECT_STREQ(getenv("CUBLAS_WORKSPACE_CONFIG"), ":4096:8");
  at::globalContext().setDeterministicAlgorithms(false, false);
}

// What failed on a GPU: more than 3072 tokens of a small vocabulary.
TEST(DeviceTest, TheSameStepTwiceGivesTheSameBits) {
  TrainerOptions options = TinyOptions("ts", 1);
  options.shape.sequence = 1024;
  const TokenBatch batch = [&] {
    TokenBatch tokens{.batch = 4, .sequence = options.shape.sequence};
    for (int i = 0; i < tokens.batch * tokens.sequence; ++i) {
      tokens.inputs.push_back(i * 7 % options.shape.vocabulary);
      tokens.targets.push_back(i * 5 % options.shape.vocabulary);
    }
    return tokens;
  }();
  std::vector<std::vector<NamedTensor>> gradients;
  for (int run = 0; run < 2; ++run) {
    TrainerGroup group(options, 1);
    group.TrainStep(0, {batch}, 1e-3);
    gradients.push_back(*group.trainer(0).LocalGradients());
  }
  ASSERT_EQ(gradients[0].size(), gradients[1].size());
  for (size_t i = 0; i < gradients[0].size(); ++i)
    EXPECT_EQ(gradients[0][i].values, gradients[1][i].values) << gradients[0][i].name;
}

TEST(DeviceTest, CopiesHaveASpeedAndTheCpuStagesNothing) {
  double now = 0;
  const DeviceSpeed speed("cpu", [&now] { return now += 0.5; });
  EXPECT_DOUBLE_EQ(speed.MemoryBytesPerSecond(), 2.0 * (1 << 28) / 0.5);
  EXPECT_EQ(speed.StagingBytesPerSecond(1 << 20), 0);
}

}  // namespace
}  // namespace edgetp::test
