// What the model's tests rely on: that a sum which was started cannot be used before its wait.
#include "tests/model/thread_group.h"

#include <gtest/gtest.h>

#include <cmath>

namespace edgetp::test {
namespace {

TEST(ThreadGroupTest, AStartedSumIsNotANumberUntilItIsWaitedFor) {
  ThreadGroup group(2);
  group.Run([&](int rank) {
    std::vector<float> a = {1.0f + rank}, b = {10.0f + rank};
    const CollectiveTag tag{TrafficClass::kActivationForward, Phase::kForward, 3};
    const auto first = group.member(rank)->Start(tag, absl::MakeSpan(a));
    const auto second = group.member(rank)->Start(tag, absl::MakeSpan(b));
    ASSERT_TRUE(first.ok() && second.ok());
    EXPECT_TRUE(std::isnan(a[0]) && std::isnan(b[0]));
    EXPECT_TRUE(group.member(rank)->Wait(*second).ok());
    EXPECT_TRUE(std::isnan(a[0]));
    EXPECT_EQ(b[0], 21);
    EXPECT_TRUE(group.member(rank)->Wait(*first).ok());
    EXPECT_EQ(a[0], 3);
    EXPECT_FALSE(group.member(rank)->Wait(*first).ok()) << "each start has one wait";
  });
  ASSERT_EQ(group.log().size(), 4u);
  EXPECT_EQ(group.log()[1].part, CollectivePart::kStart);
  EXPECT_EQ(group.log()[2].part, CollectivePart::kWait);
  EXPECT_EQ(group.log()[2].handle, 1);
  EXPECT_EQ(group.log()[3].handle, 0);
}

}  // namespace
}  // namespace edgetp::test
