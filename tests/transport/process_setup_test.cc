#include "worker/job/process_setup.h"

#include "absl/strings/str_cat.h"
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

std::string Core(int number, const std::string& implementer, const std::string& part) {
  return absl::StrCat("processor\t: ", number,
                      "\nBogoMIPS\t: 108.00\nCPU implementer\t: ", implementer,
                      "\nCPU architecture: 8\nCPU part\t: ", part, "\n\n");
}

TEST(CpuModelTest, OfABoardIsItsCoresWhateverItsRevision) {
  const std::string cores = Core(0, "0x41", "0xd08") + Core(1, "0x41", "0xd08");
  EXPECT_EQ(CpuModel(cores + "Model\t\t: Raspberry Pi 4 Model B Rev 1.4\n"), "Cortex-A72");
  EXPECT_EQ(CpuModel(cores + "Model\t\t: Raspberry Pi 4 Model B Rev 1.5\n"), "Cortex-A72");
}

TEST(CpuModelTest, OfBigAndLittleCoresNamesBoth) {
  EXPECT_EQ(CpuModel(Core(0, "0x41", "0xd05") + Core(4, "0x41", "0xd0b")),
            "Cortex-A55 and Cortex-A76");
}

TEST(CpuModelTest, OfACoreThatIsNotKnownIsItsNumbers) {
  EXPECT_EQ(CpuModel(Core(0, "0x61", "0x022")), "core 0x61:0x022");
}

}  // namespace
}  // namespace edgetp
