#include "worker/job/norm_guard.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

namespace edgetp {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// As the training loop does.
bool Step(NormGuard& guard, double norm) {
  const bool skipped = guard.Limit().has_value() && !(norm <= *guard.Limit());
  EXPECT_EQ(guard.Add(norm, skipped), absl::OkStatus());
  return skipped;
}

void Steps(NormGuard& guard, int count, double norm) {
  for (int i = 0; i < count; ++i) Step(guard, norm);
}

TEST(NormGuardTest, WithoutAFactorEveryStepCounts) {
  NormGuard guard(std::nullopt);
  EXPECT_EQ(guard.Limit(), std::nullopt);
  Steps(guard, 50, 1);
  EXPECT_EQ(guard.Add(kNaN, false), absl::OkStatus());
  EXPECT_EQ(guard.Limit(), std::nullopt);
  EXPECT_TRUE(guard.State().empty());
}

TEST(NormGuardTest, JudgesFromTheTwentyFirstStepOn) {
  NormGuard guard(3);
  Steps(guard, 19, 1);
  EXPECT_FALSE(Step(guard, 1000));
  EXPECT_EQ(guard.Limit(), 3);
  EXPECT_FALSE(Step(guard, 3));
  EXPECT_TRUE(Step(guard, 3.001));
  EXPECT_EQ(guard.skipped(), 1);
}

TEST(NormGuardTest, TheLimitFollowsTheMedianOfTheLastHundred) {
  NormGuard guard(2);
  Steps(guard, 100, 1);
  Steps(guard, 50, 1.5);
  EXPECT_EQ(guard.Limit(), 2);  // 50 of each: the nearest rank is the lower one
  Step(guard, 1.5);
  EXPECT_EQ(guard.Limit(), 3);
}

TEST(NormGuardTest, GetsUsedToGradientsThatStayLarger) {
  NormGuard guard(2);
  Steps(guard, 100, 1);
  int skipped = 0;
  while (Step(guard, 10)) ++skipped;
  EXPECT_EQ(skipped, 51);
}

TEST(NormGuardTest, WhatIsNotFiniteIsAnOutlierFromTheFirstStepOn) {
  NormGuard guard(3);
  EXPECT_TRUE(Step(guard, kNaN));
  EXPECT_TRUE(Step(guard, kInfinity));
  EXPECT_FALSE(Step(guard, 1e30));
}

TEST(NormGuardTest, ARunInWhichNoNormIsFiniteAnyMoreEnds) {
  NormGuard guard(3);
  for (int i = 1; i < NormGuard::kHopeless; ++i) EXPECT_TRUE(Step(guard, kNaN));
  Step(guard, 1);  // begins the count again
  for (int i = 1; i < NormGuard::kHopeless; ++i) EXPECT_TRUE(Step(guard, kNaN));
  EXPECT_EQ(guard.Add(kNaN, true).code(), absl::StatusCode::kOutOfRange);
}

TEST(NormGuardTest, ARestoredOneDecidesAsTheOneThatWasSaved) {
  NormGuard whole(2);
  for (int i = 0; i < 150; ++i) Step(whole, 1 + 0.01 * (i * 37 % 50));
  Step(whole, 100);
  NormGuard restored(2);
  ASSERT_EQ(restored.Restore(whole.State()), absl::OkStatus());
  EXPECT_EQ(restored.skipped(), whole.skipped());
  for (int i = 0; i < 120; ++i) {
    EXPECT_EQ(restored.Limit(), whole.Limit()) << i;
    const double norm = 1.2 + 0.013 * (i * 29 % 90);
    EXPECT_EQ(Step(restored, norm), Step(whole, norm)) << i;
  }
}

TEST(NormGuardTest, WhatWasSkippedIsKeptWithoutAFactorToo) {
  NormGuard guard(3);
  Step(guard, kNaN);
  NormGuard off(std::nullopt);
  ASSERT_EQ(off.Restore(guard.State()), absl::OkStatus());
  EXPECT_EQ(off.skipped(), 1);
  NormGuard again(std::nullopt);
  ASSERT_EQ(again.Restore(off.State()), absl::OkStatus());
  EXPECT_EQ(again.skipped(), 1);
}

TEST(NormGuardTest, TensorsOfSomethingElseAreRefusedByName) {
  NormGuard guard(3);
  const auto fault = [&guard](NamedTensor tensor) {
    return std::string(guard.Restore({std::move(tensor)}).message());
  };
  EXPECT_THAT(fault({"optimizer.guard.other", {1}, {1}}),
              testing::HasSubstr("optimizer.guard.other is not what"));
  EXPECT_THAT(fault({"optimizer.guard.norms", {101}, std::vector<float>(101, 1)}),
              testing::HasSubstr("of at most 100"));
  EXPECT_NE(fault({"optimizer.guard.norms", {1}, {std::nanf("")}}), "");
  EXPECT_NE(fault({"optimizer.guard.skipped", {1}, {-1}}), "");
  EXPECT_NE(fault({"optimizer.guard.skipped", {2}, {1, 1}}), "");
}

}  // namespace
}  // namespace edgetp
