#include "worker/model/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/model/model_fixture.h"
#include "worker/model/copy_engine.h"
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

// More copies than the engine has events.
TEST(DeviceTest, CopiesOfAnAcceleratorAreThereWhenTheyHaveBeenAwaited) {
  constexpr int kCopies = 1000;
  for (const std::string& device : PresentDevices()) {
    if (!IsAccelerator(device)) continue;
    const torch::Tensor there = torch::zeros({kCopies}, torch::Device(device));
    const torch::Tensor host = torch::arange(kCopies, torch::kFloat).pin_memory();
    const torch::Tensor back = torch::zeros({kCopies}).pin_memory();
    AwaitDevice(device);
    const auto engine = MakeGpuCopyEngine(torch::Device(device).index());
    float* const on_device = there.data_ptr<float>();
    for (int i = 0; i < kCopies; ++i)
      engine->Start(on_device + i, host.data_ptr<float>() + i, sizeof(float));
    uint64_t last = 0;
    for (int i = 0; i < kCopies; ++i)
      last = engine->Start(back.data_ptr<float>() + i, on_device + i, sizeof(float));
    engine->Await(0);  // long done; a later copy has its event
    engine->Await(last);
    EXPECT_TRUE(torch::equal(back, host)) << device;
  }
}

TEST(DeviceTest, AHostWithoutAGpuSaysWhy) {
  EXPECT_EQ(WhyNoGpu({}), "the worker's LibTorch is one without CUDA");
  EXPECT_EQ(WhyNoGpu({.has_cuda = true, .built_for = 13000}),
            "the worker's LibTorch has CUDA, but there is no NVIDIA driver");
  EXPECT_EQ(WhyNoGpu({.has_cuda = true, .built_for = 13000, .driver_supports = 12040}),
            "the NVIDIA driver is too old: it supports CUDA 12.4, and the worker's LibTorch needs "
            "13.0");
  EXPECT_EQ(WhyNoGpu({true, 12060, 12020, "no CUDA-capable device is detected"}),
            "CUDA says: no CUDA-capable device is detected");
  EXPECT_EQ(WhyNoGpu({true, 12060, 13000, ""}), "");
}

TEST(DeviceTest, APrecisionThatADeviceDoesNotHaveIsRefusedWithTheRule) {
  const ProductUnits plain{"cpu"}, bf16_cpu{.device = "cpu", .bf16 = true};
  const ProductUnits volta{"cuda:1", "Tesla V100", 70}, hopper{"cuda:0", "NVIDIA H100", 90};
  for (const ProductUnits& units : {plain, bf16_cpu, volta, hopper})
    EXPECT_EQ(PrecisionFault(Precision::kFp32, units), "");
  for (const Precision precision : {Precision::kTf32, Precision::kBf16})
    EXPECT_EQ(PrecisionFault(precision, hopper), "");
  EXPECT_EQ(PrecisionFault(Precision::kBf16, bf16_cpu), "");
  EXPECT_EQ(PrecisionFault(Precision::kBf16, plain),
            "precision bf16: this LibTorch has no fast bf16 products on this cpu");
  EXPECT_EQ(PrecisionFault(Precision::kTf32, bf16_cpu),
            "precision tf32: cpu has none; GPUs have it");
  EXPECT_EQ(PrecisionFault(Precision::kTf32, volta),
            "precision tf32: cuda:1 (Tesla V100) has none: compute capability 8.0 or more is "
            "needed (it has 7.0)");
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
