#include "worker/job/job_control.h"

#include <gtest/gtest.h>

#include <thread>

#include "common/base/clock.h"

namespace edgetp {
namespace {

TEST(JobControlTest, AStartThatCameFirstIsNotMissed) {
  JobControl control;
  control.Start();
  EXPECT_TRUE(control.AwaitStart(MonotonicNow() + absl::Seconds(5)).ok());
}

TEST(JobControlTest, AnAbortWakesTheWaitWithItsStatus) {
  JobControl control;
  std::thread other([&] { control.Abort(absl::AbortedError("rank 1 is lost")); });
  EXPECT_EQ(control.AwaitStart(MonotonicNow() + absl::Seconds(30)),
            absl::AbortedError("rank 1 is lost"));
  other.join();
}

TEST(JobControlTest, TheFirstAbortWins) {
  JobControl control;
  control.Abort(absl::AbortedError("first"));
  control.Abort(absl::AbortedError("second"));
  EXPECT_EQ(control.aborted().message(), "first");
}

TEST(JobControlTest, AWaitEndsAtItsDeadline) {
  JobControl control;
  EXPECT_TRUE(absl::IsDeadlineExceeded(control.AwaitFinish(MonotonicNow())));
}

TEST(JobControlTest, AWaitForTheClockEndsWithTheStepOrALaterOne) {
  JobControl control;
  v1::RunClock clock;
  clock.set_step(3);
  clock.set_seconds(12);
  control.SetClock(clock);
  EXPECT_EQ(control.AwaitClock(3, MonotonicNow())->seconds(), 12);
  EXPECT_EQ(control.AwaitClock(2, MonotonicNow())->step(), 3);
  EXPECT_TRUE(absl::IsDeadlineExceeded(control.AwaitClock(4, MonotonicNow()).status()));
  control.Abort(absl::AbortedError("rank 1 is lost"));
  EXPECT_TRUE(absl::IsAborted(control.AwaitClock(4, MonotonicNow() + absl::Seconds(30)).status()));
}

TEST(JobControlTest, AttachHearsWhatWasSaidBeforeIt) {
  JobControl control;
  v1::NetworkUpdate update;
  update.mutable_network()->set_name("lte");
  control.SetNetwork(update);
  control.Abort(absl::AbortedError("early"));
  std::string network;
  absl::Status aborted;
  control.Attach([&](const absl::Status& status) { aborted = status; },
                 [&](const v1::NetworkUpdate& given) { network = given.network().name(); });
  EXPECT_EQ(network, "lte");
  EXPECT_EQ(aborted.message(), "early");
}

TEST(JobControlTest, NoHookRunsAfterDetach) {
  JobControl control;
  int calls = 0;
  control.Attach([&](const absl::Status&) { ++calls; },
                 [&](const v1::NetworkUpdate&) { ++calls; });
  control.Detach();
  control.Abort(absl::AbortedError("late"));
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace edgetp
