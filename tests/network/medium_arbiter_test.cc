// Who has a shared medium when (common/network/medium_arbiter.h).
#include "common/network/medium_arbiter.h"

#include <gtest/gtest.h>

namespace edgetp {
namespace {

TEST(MediumArbiterTest, GrantsFirstComeFirstServed) {
  MediumArbiter arbiter;
  const absl::Time start = absl::UnixEpoch();
  EXPECT_EQ(arbiter.Grant(start, absl::Milliseconds(2)), start);
  EXPECT_EQ(arbiter.Grant(start, absl::Milliseconds(3)), start + absl::Milliseconds(2));
  EXPECT_EQ(arbiter.Grant(start + absl::Milliseconds(9), absl::Milliseconds(1)),
            start + absl::Milliseconds(9));
}

TEST(MediumArbiterTest, ALateRequestTakesTheFirstGapThatIsLongEnough) {
  MediumArbiter arbiter;
  const absl::Time start = absl::UnixEpoch();
  arbiter.Occupy(start + absl::Milliseconds(2), absl::Milliseconds(2));
  arbiter.Occupy(start + absl::Milliseconds(7), absl::Milliseconds(2));
  EXPECT_EQ(arbiter.Grant(start, absl::Milliseconds(1)), start);
  EXPECT_EQ(arbiter.Grant(start, absl::Milliseconds(2)), start + absl::Milliseconds(4));
  EXPECT_EQ(arbiter.Grant(start, absl::Milliseconds(2)), start + absl::Milliseconds(9));
  EXPECT_EQ(arbiter.Grant(start + absl::Milliseconds(3), absl::Milliseconds(1)),
            start + absl::Milliseconds(6));
}

TEST(MediumArbiterTest, PacketsFillWhateverIsFree) {
  MediumArbiter arbiter;
  const absl::Time start = absl::UnixEpoch();
  const auto at = [start](int ms) { return start + absl::Milliseconds(ms); };
  arbiter.Occupy(at(2), absl::Milliseconds(2));
  arbiter.Occupy(at(7), absl::Milliseconds(2));
  EXPECT_EQ(arbiter.Fill(at(3), absl::Milliseconds(1)), at(5));   // from 4 on
  EXPECT_EQ(arbiter.Fill(start, absl::Milliseconds(4)), at(7));   // 0 to 2 and 5 to 7
  EXPECT_EQ(arbiter.Fill(start, absl::Milliseconds(3)), at(12));  // nothing is left before 9
  EXPECT_EQ(arbiter.Fill(at(20), absl::ZeroDuration()), at(20));
  EXPECT_EQ(arbiter.Grant(start, absl::Milliseconds(1)), at(12));
}

TEST(MediumArbiterTest, WhatIsLongPastIsForgottenAndNotGrantedAgain) {
  MediumArbiter arbiter;
  const absl::Time start = absl::UnixEpoch();
  for (int i = 0; i < 10'000; ++i)
    EXPECT_EQ(arbiter.Grant(start + absl::Milliseconds(2 * i), absl::Milliseconds(1)),
              start + absl::Milliseconds(2 * i));
  EXPECT_GT(arbiter.Grant(start, absl::Milliseconds(1)), start + absl::Seconds(10));
}

}  // namespace
}  // namespace edgetp
