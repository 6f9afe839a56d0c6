#include "worker/process_setup.h"

#include "gtest/gtest.h"

namespace edgetp {
namespace {

TEST(FittingCoreTypeTest, KernelsThatLeaveAvx512UnusedAreReplaced) {
  for (const std::string kernels : {"Haswell", "Zen", "Prescott"}) {
    EXPECT_EQ(FittingCoreType({.kernels = kernels, .cpu_has_avx512 = true}), "SKYLAKEX") << kernels;
  }
}

TEST(FittingCoreTypeTest, KernelsThatUseAvx512StayHoweverTheyAreSpelled) {
  for (const std::string kernels : {"SkylakeX", "SKYLAKEX", "Cooperlake", "SapphireRapids"}) {
    EXPECT_EQ(FittingCoreType({.kernels = kernels, .cpu_has_avx512 = true}), "") << kernels;
  }
}

TEST(FittingCoreTypeTest, ACpuWithoutAvx512KeepsItsKernels) {
  EXPECT_EQ(FittingCoreType({.kernels = "Haswell", .cpu_has_avx512 = false}), "");
}

TEST(FittingCoreTypeTest, AnotherBlasIsLeftAlone) {
  EXPECT_EQ(FittingCoreType({.kernels = "", .cpu_has_avx512 = true}), "");
}

TEST(FittingCoreTypeTest, TheUsersOwnChoiceWins) {
  EXPECT_EQ(FittingCoreType({.kernels = "Haswell", .cpu_has_avx512 = true, .set_by_user = true}),
            "");
}

}  // namespace
}  // namespace edgetp
