#include "worker/collective/delivery_log.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

namespace edgetp {
namespace {

absl::Time At(double ms) { return absl::UnixEpoch() + absl::Milliseconds(ms); }

class DeliveryLogTest : public testing::Test {
 protected:
  void SetUp() override { log_.Begin(&deliveries_, /*paced=*/false); }

  // Wanted at `begin`, delivered by the network at `arrival`, handed on at `end`.
  void Take(double begin, double arrival, double end, bool was_there = true) {
    Delivery delivery;
    delivery.error = At(end) - std::max(At(arrival), At(begin));
    log_.Add(delivery, At(begin), At(arrival), was_there);
  }
  double ExposedMs(double end, double software_ms) const {
    return absl::ToDoubleMilliseconds(
        log_.ExposedSoftware(At(0), At(end), absl::Milliseconds(software_ms)));
  }
  double LostMs(size_t index) const { return absl::ToDoubleMilliseconds(deliveries_[index].lost); }

  std::vector<Delivery> deliveries_;
  DeliveryLog log_;
};

TEST_F(DeliveryLogTest, SoftwareIsExposedAfterTheLastArrivalAlone) {
  Take(1, 10, 10);
  EXPECT_DOUBLE_EQ(ExposedMs(12, 5), 2);
}

TEST_F(DeliveryLogTest, WithoutDeliveriesAllSoftwareIsExposed) {
  EXPECT_DOUBLE_EQ(ExposedMs(12, 5), 5);
}

TEST_F(DeliveryLogTest, AHoldThatEndedLateIsTheHostsAndNotSoftware) {
  Take(1, 10, 13);
  EXPECT_DOUBLE_EQ(LostMs(0), 3);
  EXPECT_DOUBLE_EQ(ExposedMs(15, 6), 2);
}

TEST_F(DeliveryLogTest, WhatWasLostBeforeAnotherWaitIsNotSubtractedTwice) {
  Take(1, 10, 13);
  log_.PassedOn();
  Take(14, 20, 20);
  EXPECT_DOUBLE_EQ(LostMs(0), 3);
  EXPECT_DOUBLE_EQ(ExposedMs(22, 8), 2);
}

TEST_F(DeliveryLogTest, AWaitBeforeAnythingWasSentMakesUpForALoss) {
  Take(1, 10, 13);
  Take(14, 20, 20);
  EXPECT_DOUBLE_EQ(LostMs(0), 0);
}

TEST_F(DeliveryLogTest, AnArrivalBeforeTheCollectiveBeganExposesNoMoreThanTheSoftware) {
  Take(1, -5, 1);
  EXPECT_DOUBLE_EQ(ExposedMs(4, 3), 3);
}

TEST_F(DeliveryLogTest, ASegmentThatWasNotThereInTimeIsLostUntilItWas) {
  Take(2, 1, 6, /*was_there=*/false);
  EXPECT_DOUBLE_EQ(LostMs(0), 4);
  EXPECT_DOUBLE_EQ(ExposedMs(7, 5), 1);
}

TEST(ForgiveHiddenTest, WhatNobodyWaitedForCostNothing) {
  std::vector<Delivery> deliveries(3);
  for (Delivery& delivery : deliveries) delivery.lost = absl::Milliseconds(4);
  deliveries[0].late = true;
  ForgiveHidden(absl::Milliseconds(6), &deliveries);
  EXPECT_TRUE(deliveries[0].late);
  EXPECT_EQ(deliveries[0].lost, absl::Milliseconds(4));
  EXPECT_EQ(deliveries[1].lost, absl::Milliseconds(2));
  EXPECT_EQ(deliveries[2].lost, absl::ZeroDuration());
  ForgiveHidden(absl::ZeroDuration(), &deliveries);
  EXPECT_FALSE(deliveries[0].late);
  EXPECT_EQ(deliveries[0].lost, absl::ZeroDuration());
}

}  // namespace
}  // namespace edgetp
