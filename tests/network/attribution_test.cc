#include "common/network/attribution.h"

#include <gtest/gtest.h>

#include "common/base/random.h"

namespace edgetp {
namespace {

absl::Time At(double ms) { return absl::UnixEpoch() + absl::Nanoseconds(1e6 * ms); }
absl::Duration Ms(double ms) { return absl::Nanoseconds(1e6 * ms); }

// Handed over at 10, 2 ms queueing, 5 ms propagation, 1 ms jitter, 4 ms serialization, 3 ms behind
// others at the ingress: arrives at 25.
SegmentWait Example(absl::Time begin, absl::Time end) {
  SegmentWait wait;
  wait.begin = begin;
  wait.end = end;
  wait.departure = {At(10), At(12), At(18), At(22), Ms(1), Ms(4)};
  wait.arrival = At(25);
  wait.latest_entry = At(10);
  return wait;
}

TEST(AttributionTest, EachTermGetsItsPartOfTheWay) {
  const TimeBreakdown breakdown = AttributeWait(Example(At(10), At(26)));
  EXPECT_EQ(breakdown.queueing, Ms(5));
  EXPECT_EQ(breakdown.propagation, Ms(5));
  EXPECT_EQ(breakdown.jitter, Ms(1));
  EXPECT_EQ(breakdown.serialization, Ms(4));
  EXPECT_EQ(breakdown.software, Ms(1));
  EXPECT_EQ(breakdown.straggler, Ms(0));
}

TEST(AttributionTest, OnlyTheWaitingCounts) {
  const TimeBreakdown breakdown = AttributeWait(Example(At(17.5), At(20)));
  EXPECT_EQ(breakdown.jitter, Ms(0.5));
  EXPECT_EQ(breakdown.serialization, Ms(2));
  EXPECT_EQ(breakdown.total(), Ms(2.5));
}

TEST(AttributionTest, BeforeTheLatestEntryItIsTheStraggler) {
  EXPECT_EQ(AttributeWait(Example(At(4), At(26))).straggler, Ms(6));
}

TEST(AttributionTest, EarlierHopsAreSplitLikeTheLastOne) {
  SegmentWait wait = Example(At(-3), At(26));
  wait.latest_entry = At(-3);  // 13 ms of earlier hops; the own hop has 5 + 5 + 1 + 4 = 15
  const TimeBreakdown breakdown = AttributeWait(wait);
  EXPECT_EQ(breakdown.straggler, Ms(0));
  EXPECT_NEAR(absl::ToDoubleMilliseconds(breakdown.queueing), 5 + 13.0 * 5 / 15, 1e-6);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(breakdown.propagation), 5 + 13.0 * 5 / 15, 1e-6);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(breakdown.jitter), 1 + 13.0 * 1 / 15, 1e-6);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(breakdown.serialization), 4 + 13.0 * 4 / 15, 1e-6);
  EXPECT_EQ(breakdown.total(), Ms(29));
}

TEST(AttributionTest, WithoutANetworkWaitingIsStragglerOrSoftware) {
  SegmentWait wait{At(0), At(5), {At(3), At(3), At(3), At(3)}, At(3), At(2)};
  const TimeBreakdown breakdown = AttributeWait(wait);
  EXPECT_EQ(breakdown.straggler, Ms(2));
  EXPECT_EQ(breakdown.software, Ms(3));
}

TEST(AttributionTest, ASlowerIngressIsSerialization) {
  SegmentWait wait = Example(At(22), At(25));
  wait.departure.ingress = Ms(6);  // 4 ms of them overlap with the link
  const TimeBreakdown breakdown = AttributeWait(wait);
  EXPECT_EQ(breakdown.serialization, Ms(2));
  EXPECT_EQ(breakdown.queueing, Ms(1));
}

TEST(AttributionTest, NegativeJitterShortensPropagation) {
  SegmentWait wait{At(0), At(4), {At(0), At(0), At(3), At(4), Ms(-2), Ms(1)}, At(4), At(0)};
  const TimeBreakdown breakdown = AttributeWait(wait);
  EXPECT_EQ(breakdown.propagation, Ms(3));
  EXPECT_EQ(breakdown.jitter, Ms(0));
  EXPECT_EQ(breakdown.serialization, Ms(1));
}

TEST(AttributionTest, WhatTheRealNetworkTakesAfterTheEmulatedOneIsTransit) {
  SegmentWait wait = Example(At(10), At(33));
  wait.sent = At(10);
  wait.there = At(32);
  TimeBreakdown breakdown = AttributeWait(wait);
  EXPECT_EQ(breakdown.transit, Ms(7)) << "the emulated arrival is at 25";
  EXPECT_EQ(breakdown.software, Ms(1));
  EXPECT_EQ(breakdown.propagation, Ms(5));
  wait.sent = At(27);  // held by its sender until then, or in a queue of his
  breakdown = AttributeWait(wait);
  EXPECT_EQ(breakdown.transit, Ms(5));
  EXPECT_EQ(breakdown.software, Ms(3));
}

TEST(AttributionTest, TheRealNetworkHidesInsideTheEmulatedOne) {
  SegmentWait wait = Example(At(10), At(26));
  const TimeBreakdown on_one_host = AttributeWait(wait);
  wait.sent = At(10);
  wait.there = At(24);
  const TimeBreakdown on_two = AttributeWait(wait);
  EXPECT_EQ(on_two.transit, Ms(0));
  EXPECT_EQ(on_two.software, on_one_host.software);
}

TEST(AttributionTest, WithoutEmulationAHopIsTransitAndSoAreEarlierOnes) {
  SegmentWait wait{At(0), At(12), {At(6), At(6), At(6), At(6)}, At(6), At(2), At(6), At(11)};
  const TimeBreakdown breakdown = AttributeWait(wait);
  EXPECT_EQ(breakdown.straggler, Ms(2));
  EXPECT_EQ(breakdown.transit, Ms(9)) << "4 ms of an earlier hop, 5 of this one";
  EXPECT_EQ(breakdown.software, Ms(1));
}

TEST(AttributionTest, TheTermsAlwaysAddUpExactly) {
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto random_ms = [i](uint64_t what) { return ToUnit(RandomBits(1, i, what)) * 10; };
    SegmentWait wait;
    const absl::Time handover = At(random_ms(0));
    const absl::Time egress_start = handover + Ms(random_ms(1));
    const absl::Time first_bit = egress_start + Ms(random_ms(2));
    const absl::Time last_bit = first_bit + Ms(random_ms(3));
    wait.departure = {handover, egress_start,         first_bit,
                      last_bit, Ms(random_ms(4) - 5), Ms(random_ms(5))};
    wait.arrival = last_bit + Ms(random_ms(6));
    wait.begin = At(random_ms(7) * 3);
    wait.end = std::max(wait.begin, wait.arrival) + Ms(random_ms(8));
    wait.latest_entry = At(random_ms(9));
    if (i % 2 == 1) {
      wait.sent = At(random_ms(10));
      wait.there = wait.sent + Ms(random_ms(11) * 5);
      wait.end = std::max(wait.end, wait.there);
    }
    EXPECT_EQ(AttributeWait(wait).total(), wait.end - wait.begin);
  }
}

TEST(AttributionTest, EveryTermIsInTheOneList) {
  EXPECT_EQ(std::size(kBreakdownTerms) * sizeof(absl::Duration), sizeof(TimeBreakdown));
  const auto* fields = v1::Breakdown::descriptor();
  EXPECT_EQ(static_cast<size_t>(fields->field_count()), std::size(kBreakdownTerms));
  TimeBreakdown breakdown;
  for (const BreakdownTerm& term : kBreakdownTerms) {
    EXPECT_NE(fields->FindFieldByName(term.name), nullptr) << term.name;
    EXPECT_EQ(breakdown.*term.span, absl::ZeroDuration()) << term.name;  // no field twice
    breakdown.*term.span = Ms(1);
  }
  EXPECT_EQ(breakdown.total(), std::size(kBreakdownTerms) * Ms(1));
}

}  // namespace
}  // namespace edgetp
