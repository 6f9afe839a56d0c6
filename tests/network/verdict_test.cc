#include "common/network/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgetp {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

v1::Fidelity Make(double late_seconds, double overrun_seconds, double elapsed_seconds = 100) {
  v1::Fidelity fidelity;
  fidelity.set_late_seconds(late_seconds);
  fidelity.set_overrun_seconds(overrun_seconds);
  fidelity.set_elapsed_seconds(elapsed_seconds);
  fidelity.set_error_p99_us(37);
  return fidelity;
}

TEST(VerdictTest, AHostThatKeepsUpIsValidAndSaysHowWell) {
  const v1::Verdict verdict = Judge(Make(0.1, 0.2));
  EXPECT_TRUE(verdict.valid());
  EXPECT_EQ(verdict.reason(), "valid (p99 error 0.037 ms, late 0.10 % of step time)");
  EXPECT_DOUBLE_EQ(verdict.late_share(), 0.001);
  EXPECT_DOUBLE_EQ(verdict.overrun_share(), 0.002);
}

TEST(VerdictTest, ARunThatWasHeldByItsSendersSaysSo) {
  v1::Fidelity fidelity = Make(0.1, 0);
  fidelity.set_held_by_senders(true);
  EXPECT_THAT(Judge(WorstOf({fidelity})).reason(), HasSubstr("held by the senders"));
}

TEST(VerdictTest, HowWellTheClocksOfHostsAreKnownIsSaidAndJudged) {
  v1::Fidelity fidelity = Make(0.1, 0);
  fidelity.set_clock_bound_us(60);
  fidelity.set_clock_seconds(0.4);
  EXPECT_THAT(Judge(WorstOf({fidelity})).reason(),
              HasSubstr("; clocks of the hosts known to 0.06 ms, 0.40 % of step time)"));
  EXPECT_DOUBLE_EQ(Judge(WorstOf({fidelity})).clock_share(), 0.004);
  EXPECT_TRUE(Judge(WorstOf({fidelity})).valid());
  fidelity.set_clock_seconds(5.1);
  const v1::Verdict verdict = Judge(WorstOf({Make(0.2, 0), fidelity}));
  EXPECT_FALSE(verdict.valid()) << "whichever rank it was";
  EXPECT_THAT(verdict.reason(),
              StartsWith("INVALID: clocks of the hosts known to 0.06 ms only, 5.1 % of step time"));
}

TEST(VerdictTest, BetweenHostsTheRealNetworkMayBeWhatIsTooSlow) {
  v1::Fidelity fidelity = Make(9, 0);
  fidelity.set_clock_bound_us(60);
  EXPECT_THAT(Judge(fidelity).reason(),
              StartsWith("INVALID: hosts, or the real network between them, too slow"));
}

TEST(VerdictTest, LatenessBeyondTheLimitIsInvalid) {
  EXPECT_TRUE(Judge(Make(1.5, 0)).valid());
  const v1::Verdict verdict = Judge(Make(1.6, 0));
  EXPECT_FALSE(verdict.valid());
  EXPECT_THAT(
      verdict.reason(),
      StartsWith("INVALID: host too slow for this profile, use --clock=simulated (late 1.6 %"));
}

TEST(VerdictTest, OverrunBeyondTheLimitIsInvalid) { EXPECT_FALSE(Judge(Make(0, 1.6)).valid()); }

TEST(VerdictTest, NoValidRunIsWrongByFivePercentThoughThriceTheLateShareIs) {
  const v1::Verdict verdict = Judge(Make(1.5, 0));
  EXPECT_TRUE(verdict.valid());
  EXPECT_NEAR(verdict.late_share(), 0.015, 1e-9);
  EXPECT_LT(3 * verdict.late_share(), 0.05);
}

TEST(VerdictTest, NoRankIsWorseThanTheOneThatIsJudged) {
  // By the sum of both shares, the first of these would be the worst, and valid.
  const v1::Fidelity worst = WorstOf({Make(1.2, 1.2), Make(2, 0)});
  EXPECT_EQ(worst.late_seconds(), 2);
  EXPECT_FALSE(Judge(worst).valid());
  EXPECT_FALSE(Judge(WorstOf({Make(0, 1.6), Make(1.4, 1.4)})).valid());
}

TEST(VerdictTest, WhatWasMeasuredUnderANetworkIsJudged) {
  EXPECT_TRUE(Judge(Make(0.1, 0.2)).judged());
  EXPECT_TRUE(Judge(Make(5, 0)).judged());
}

TEST(VerdictTest, WhereNothingWasEmulatedThereIsNothingToJudge) {
  const v1::Verdict verdict = Judge(Make(5, 5), /*emulated=*/false);
  EXPECT_TRUE(verdict.valid());
  EXPECT_FALSE(verdict.judged());
  EXPECT_THAT(verdict.reason(), StartsWith("not judged"));
}

TEST(VerdictTest, NothingMeasuredIsNotJudged) {
  EXPECT_TRUE(Judge(v1::Fidelity()).valid());
  EXPECT_FALSE(Judge(v1::Fidelity()).judged());
}

TEST(VerdictTest, TheWorstRankDecides) {
  v1::Fidelity spiky = Make(0, 0);
  spiky.set_error_p99_us(900);
  const v1::Fidelity worst = WorstOf({Make(0.1, 0), Make(3, 0), spiky});
  EXPECT_EQ(worst.late_seconds(), 3);
  EXPECT_EQ(worst.error_p99_us(), 900);
  EXPECT_FALSE(Judge(worst).valid());
}

TEST(VerdictTest, NobodyIsTheWorstOfNone) { EXPECT_EQ(WorstOf({}).elapsed_seconds(), 0); }

}  // namespace
}  // namespace edgetp
