// How a run ends when ranks fail, fall silent, or blame one another.
#include <string>
#include <vector>

#include "tests/server/coordinator_fixture.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(CoordinatorTest, APrimaryFailureAbortsAllAtOnceAndNamesTheRank) {
  StartRun();
  Failure("worker-2", "a", "load weights: bad tensor", false);
  EXPECT_EQ(FailureText(), "rank 1 (worker-2, pid 102): load weights: bad tensor");
  EXPECT_EQ(out_.ended[0].failure.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Receivers(v1::ServerMessage::kAbort), ElementsAre("worker-1", "worker-2"));
}

TEST_F(CoordinatorTest, ASecondaryFailureWaitsForTheOneThatStartedIt) {
  StartRun();
  Failure("worker-1", "a", "peer closed the stream", true);
  EXPECT_TRUE(out_.ended.empty());
  coordinator_.OnStreamClosed(now_, "worker-2", &out_);
  EXPECT_EQ(FailureText(), "rank 1 (worker-2, pid 102): lost: stream closed");
}

TEST_F(CoordinatorTest, ASecondaryFailureAloneEndsTheRunAfterTheWait) {
  StartRun();
  Failure("worker-1", "a", "recv: deadline exceeded", true);
  Pass(absl::Seconds(4), {"worker-1", "worker-2"});
  EXPECT_TRUE(out_.ended.empty());
  Pass(absl::Seconds(1), {"worker-1", "worker-2"});
  EXPECT_EQ(FailureText(), "rank 0 (worker-1, pid 101): recv: deadline exceeded");
}

TEST_F(CoordinatorTest, WhenEverybodyBlamesSomebodyElseTheFirstFailureStands) {
  StartRun();
  Failure("worker-2", "a", "first", true);
  Failure("worker-1", "a", "second", true);
  EXPECT_EQ(FailureText(), "rank 1 (worker-2, pid 102): first");
}

TEST_F(CoordinatorTest, WhoWaitedInVainIsBelievedRatherThanWhoseConnectionWasLost) {
  StartRun();
  Failure("worker-2", "a", "connection lost", true, absl::StatusCode::kUnavailable);
  Failure("worker-1", "a", "link is partitioned", true, absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(FailureText(), "rank 0 (worker-1, pid 101): link is partitioned");
}

TEST_F(CoordinatorTest, TwoThatBlameOneAnotherAreBelievedRatherThanAThird) {
  for (int worker = 0; worker < 3; ++worker) Join();
  Submit("a", 3);
  Failure("worker-3", "a", "waited for rank 0", true, absl::StatusCode::kDeadlineExceeded, 0);
  Failure("worker-2", "a", "waited for rank 0", true, absl::StatusCode::kDeadlineExceeded, 0);
  Failure("worker-1", "a", "waited for rank 1", true, absl::StatusCode::kDeadlineExceeded, 1);
  EXPECT_EQ(FailureText(), "rank 1 (worker-2, pid 102): waited for rank 0");
}

TEST_F(CoordinatorTest, TwoThatBlameOneAnotherEndTheRunWithoutTheOthers) {
  for (int worker = 0; worker < 3; ++worker) Join();
  Submit("a", 3);
  Failure("worker-1", "a", "lost rank 2", true, absl::StatusCode::kUnavailable, 2);
  EXPECT_TRUE(out_.ended.empty());
  Failure("worker-3", "a", "lost rank 0", true, absl::StatusCode::kUnavailable, 0);
  EXPECT_EQ(FailureText(), "rank 0 (worker-1, pid 101): lost rank 2");
}

TEST_F(CoordinatorTest, AWorkerThatLeavesAfterASecondaryFailureIsNotTheCulprit) {
  StartRun();
  Failure("worker-1", "a", "peer closed the stream", true);
  coordinator_.OnStreamClosed(now_, "worker-1", &out_);
  EXPECT_TRUE(out_.ended.empty());
  Failure("worker-2", "a", "out of memory", false);
  EXPECT_EQ(FailureText(), "rank 1 (worker-2, pid 102): out of memory");
}

TEST_F(CoordinatorTest, ASilentWorkerIsLostAfterTheHeartbeatLimit) {
  StartRun();
  Pass(absl::Seconds(5), {"worker-1"});
  EXPECT_TRUE(out_.ended.empty());
  Pass(absl::Milliseconds(500), {"worker-1"});
  EXPECT_EQ(FailureText(), "rank 1 (worker-2, pid 102): lost: no heartbeat for 5.0 s");
  ASSERT_EQ(out_.disconnects.size(), 1u);
  EXPECT_EQ(out_.disconnects[0].first, "worker-2");
  EXPECT_EQ(out_.disconnects[0].second.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(CoordinatorTest, APauseOfTheServerItselfLosesNobody) {
  StartRun();
  coordinator_.Tick(now_, &out_);
  now_ += absl::Minutes(10);
  coordinator_.Tick(now_, &out_);
  EXPECT_TRUE(out_.ended.empty());
}

std::vector<std::string> ProgressOf(const Outputs& outputs) {
  std::vector<std::string> texts;
  for (const auto& [run, event] : outputs.events) {
    if (event.has_progress()) texts.push_back(event.progress().activity());
  }
  return texts;
}

TEST_F(CoordinatorTest, TenSecondsWithoutProgressSayForWhomTheRunWaits) {
  Join();
  Join();
  Submit("a", 2);
  Ready("worker-2", "a");
  Pass(absl::Seconds(9.5), {"worker-1", "worker-2"});
  EXPECT_TRUE(ProgressOf(out_).empty());
  Pass(absl::Seconds(20), {"worker-1", "worker-2"});
  EXPECT_THAT(ProgressOf(out_),
              testing::ElementsAre("waiting for rank 0 (worker-1, pid 101) to get ready (nothing "
                                   "new for 10 s)",
                                   "waiting for rank 0 (worker-1, pid 101) to get ready (nothing "
                                   "new for 20 s)"));
  Ready("worker-1", "a");
  Step("worker-1", "a", 1, 0.1);
  out_ = Outputs();
  Pass(absl::Seconds(10), {"worker-1", "worker-2"});
  EXPECT_THAT(ProgressOf(out_),
              testing::ElementsAre(
                  "waiting for rank 1 (worker-2, pid 102) to end step 1 (nothing new for 10 s)"));
}

}  // namespace
}  // namespace edgetp
