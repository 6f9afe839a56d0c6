#include "worker/job/process_setup.h"

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

TEST(NameOfBlasTest, OpenBlasIsNamedWithItsKernelsAndMklByItself) {
  EXPECT_EQ(NameOfBlas("SkylakeX", false), "OpenBLAS SkylakeX");
  // LibTorch of PyTorch's own builds: MKL inside, no OpenBLAS beside it.
  EXPECT_EQ(NameOfBlas("", true), "MKL");
  EXPECT_EQ(NameOfBlas("", false), "unknown BLAS");
}

TEST(BlasIsSuspectTest, WhereProductsAreSlowAndNoFastBlasIsLoaded) {
  EXPECT_TRUE(BlasIsSuspect(1.5, "", false));
  EXPECT_FALSE(BlasIsSuspect(80, "", false));
}

TEST(BlasIsSuspectTest, NotOnASlowBoardThatHasOne) {
  EXPECT_FALSE(BlasIsSuspect(8, "ARMV8", false));
  EXPECT_FALSE(BlasIsSuspect(15, "", true));
}

TEST(CpuModelTest, IsReadWhereTheKernelTellsIt) {
  EXPECT_EQ(
      CpuModel("processor\t: 0\nmodel\t\t: 85\nmodel name\t: Xeon (R) 8: x\nflags\t\t: fpu\n"),
      "Xeon (R) 8: x");
  EXPECT_EQ(CpuModel("processor\t: 0\n\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n"),
            "Raspberry Pi 5 Model B Rev 1.0");
  EXPECT_EQ(CpuModel("processor\t: 0\nCPU part\t: 0xd0b\n"), "cpu");
}

}  // namespace
}  // namespace edgetp
