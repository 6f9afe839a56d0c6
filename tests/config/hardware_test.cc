#include "common/config/hardware.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/load.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<std::string> kTwoGpus = {"cpu", "cuda:0", "cuda:1"};

TEST(HardwareTest, WordsOfHardwareAreNoProfiles) {
  for (const char* name : {"cpu", "cuda", "cuda:0", "cuda:17", "cuda:*"})
    EXPECT_TRUE(IsHardware(name)) << name;
  for (const char* name : {"", "cuda:", "cuda:x", "cuda:1x", "gpu", "raspberry-pi-5", "cuda.txt"})
    EXPECT_FALSE(IsHardware(name)) << name;
}

TEST(HardwareTest, AProfileByThatNameIsRefusedWithTheWayToOne) {
  const absl::Status status = ConfigLibrary::Default("").Device("cuda:0").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("edgetp calibrate --device=cuda:0"));
}

TEST(HardwareTest, CudaAloneIsTheFirstGpu) {
  EXPECT_THAT(*ExpandHardware("cuda", kTwoGpus), ElementsAre("cuda:0"));
}

TEST(HardwareTest, AStarIsEveryGpu) {
  EXPECT_THAT(*ExpandHardware("cuda:*", kTwoGpus), ElementsAre("cuda:0", "cuda:1"));
}

TEST(HardwareTest, AListKeepsItsOrder) {
  EXPECT_THAT(*ExpandHardware("cuda:1,cuda:0", kTwoGpus), ElementsAre("cuda:1", "cuda:0"));
}

TEST(HardwareTest, WhatIsMissingIsToldWithWhatIsThere) {
  EXPECT_EQ(ExpandHardware("cuda:2", kTwoGpus).status().message(),
            "--device: cuda:2 is not on this host: it has cpu, cuda:0, cuda:1");
  for (const char* device : {"cuda", "cuda:*", "cpu,cuda:0"}) {
    const absl::Status status = ExpandHardware(device, {"cpu"}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << device;
    EXPECT_THAT(std::string(status.message()), HasSubstr("is not on this host: it has cpu"));
  }
}

TEST(HardwareTest, ANameOfSomethingElseIsRefused) {
  EXPECT_EQ(ExpandHardware("cpu,gpu", kTwoGpus).status().message(),
            "--device: \"gpu\" is none of cpu, cuda, cuda:N and cuda:*");
}

}  // namespace
}  // namespace edgetp
