// When a worker tries to join again, and when it does not (worker/job/session.h).
#include "worker/job/session.h"

#include <gtest/gtest.h>

namespace edgetp {
namespace {

TEST(RejoinTest, OnlyWhatCanNeverHealIsFinal) {
  EXPECT_TRUE(IsFinalRefusal(absl::FailedPreconditionError("version differs")));
  EXPECT_TRUE(IsFinalRefusal(absl::UnauthenticatedError("bad token")));
  EXPECT_TRUE(IsFinalRefusal(absl::InvalidArgumentError("a field is missing")));
  EXPECT_FALSE(IsFinalRefusal(absl::UnavailableError("the server was shut down")));
  EXPECT_FALSE(IsFinalRefusal(absl::DeadlineExceededError("no heartbeat for 5.0 s")));
  EXPECT_FALSE(IsFinalRefusal(absl::ResourceExhaustedError("the cluster is full")));
}

TEST(RejoinTest, PausesGrowToALimitAndDiffer) {
  EXPECT_EQ(RejoinPause(0, 0), absl::Milliseconds(500));
  EXPECT_EQ(RejoinPause(1, 0), absl::Seconds(1));
  EXPECT_EQ(RejoinPause(3, 0), absl::Seconds(4));
  EXPECT_EQ(RejoinPause(4, 0), absl::Seconds(5));
  EXPECT_EQ(RejoinPause(1'000'000, 0), absl::Seconds(5));
  EXPECT_EQ(RejoinPause(4, 0.5), absl::Seconds(3.75));
  EXPECT_GT(RejoinPause(0, 0.999), absl::Milliseconds(250));
}

}  // namespace
}  // namespace edgetp
