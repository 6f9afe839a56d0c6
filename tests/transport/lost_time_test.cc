// What a rank lost to the host while it waited for one emulated segment. The peer is a fake that
// decides when the segment is there and when a Poll returns.
#include <optional>

#include "common/collective/direct.h"
#include "gtest/gtest.h"
#include "worker/collective/collective_stats.h"
#include "worker/collective/schedule_executor.h"
#include "worker/transport/peer_clock.h"

namespace edgetp {
namespace {

// Far enough away that the hold polls at least once, for all that a busy machine may do before it.
constexpr absl::Duration kFar = absl::Milliseconds(50);
constexpr absl::Duration kOversleep = absl::Milliseconds(2);

struct Script {
  bool there_at_once = true;  // else the second Poll brings it
  absl::Duration arrival;     // after the rank's first look for it
  absl::Duration oversleep;   // each Poll that may block returns so long after the arrival
  int segments = 1;           // of one element each
};

// Rank 1 of 2 runs over it: sends vanish, rank 0 has sent one message of ones.
class FakePeer final : public SegmentTransport {
 public:
  explicit FakePeer(const Script& script) : script_(script), there_(script.there_at_once) {}

  int rank() const override { return 1; }
  int world_size() const override { return 2; }
  bool one_clock() const override { return true; }
  bool CanSend(int) const override { return true; }
  absl::Status Send(int, const SegmentHeader&, absl::Span<const std::byte>) override {
    ++sent_;
    return absl::OkStatus();
  }
  uint64_t Released(int) const override { return sent_; }
  const ReceivedSegment* Front(int) const override {
    if (popped_ < script_.segments && !segment_.has_value()) segment_ = Stamped();
    return there_ ? &*segment_ : nullptr;
  }
  void Pop(int) override {
    segment_.reset();
    there_ = ++popped_ < script_.segments && script_.there_at_once;
  }
  absl::Status Poll(absl::Time until) override {
    if (until == absl::InfinitePast()) return absl::OkStatus();
    there_ = true;
    SpinUntil(arrival_ + script_.oversleep);
    return absl::OkStatus();
  }
  bool Closed(int) const override { return false; }
  void Abort(const absl::Status&) override {}

 private:
  ReceivedSegment Stamped() const {
    arrival_ = MonotonicNow() + script_.arrival;
    ReceivedSegment segment;
    segment.header.times.handover_ns = absl::ToUnixNanos(arrival_ - absl::Seconds(1));
    segment.header.times.first_bit_ns = absl::ToUnixNanos(arrival_);
    segment.header.times.last_bit_ns = absl::ToUnixNanos(arrival_);
    segment.header.offset_bytes = popped_ * sizeof(float);
    const float value = 1;
    segment.payload.emplace_back(&value, sizeof(value));
    segment.payload_bytes = sizeof(value);
    return segment;
  }
  void SpinUntil(absl::Time time) const {
    if (script_.oversleep == absl::ZeroDuration()) return;
    while (MonotonicNow() < time) {
    }
  }

  const Script script_;
  bool there_;
  uint64_t sent_ = 0;
  int popped_ = 0;
  mutable absl::Time arrival_;
  mutable std::optional<ReceivedSegment> segment_;
};

std::vector<Delivery> DeliveriesOf(const Script& script) {
  FakePeer transport(script);
  EmulatedNetwork network(1, 2, NetworkOptions(), 0, nullptr);
  DeviceClock clock(std::nullopt);
  ScheduleExecutor executor(&transport, &network, &clock, sizeof(float));
  const Schedule schedule = BuildDirect(2, script.segments);
  Execution execution;
  execution.schedule = &schedule;
  execution.deadline = MonotonicNow() + absl::Seconds(30);
  std::vector<float> data(script.segments, 1.0f);
  ExecutionReport report;
  const absl::Status status = executor.Run(execution, absl::MakeSpan(data), &report);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(data.back(), 2.0f);
  EXPECT_EQ(report.deliveries.size(), static_cast<size_t>(script.segments));
  return report.deliveries;
}

Delivery DeliveryOf(const Script& script) { return DeliveriesOf(script).at(0); }

TEST(LostTimeTest, ASegmentThatWasThereInTimeCostsNothing) {
  const Delivery delivery = DeliveryOf({.there_at_once = true, .arrival = -absl::Seconds(1)});
  EXPECT_FALSE(delivery.late);
  EXPECT_EQ(delivery.lost, absl::ZeroDuration());
}

TEST(LostTimeTest, ASegmentThatIsPhysicallyLateCostsTheWaitAfterItsTime) {
  const Delivery delivery = DeliveryOf(
      {.there_at_once = false, .arrival = absl::ZeroDuration(), .oversleep = kOversleep});
  EXPECT_TRUE(delivery.late);
  EXPECT_GE(delivery.lost, kOversleep);
}

TEST(LostTimeTest, AHoldThatEndsLateCostsWhatItWasLate) {
  const Delivery delivery =
      DeliveryOf({.there_at_once = true, .arrival = kFar, .oversleep = kOversleep});
  EXPECT_FALSE(delivery.late);
  EXPECT_GE(delivery.lost, kOversleep);
  EXPECT_EQ(delivery.lost, delivery.error);
}

TEST(LostTimeTest, AWaitForTheNextSegmentMakesUpForTheLateHoldBefore) {
  const std::vector<Delivery> deliveries = DeliveriesOf(
      {.there_at_once = true, .arrival = kFar, .oversleep = kOversleep, .segments = 2});
  EXPECT_EQ(deliveries.at(0).lost, absl::ZeroDuration());
  EXPECT_GE(deliveries.at(0).error, kOversleep);
  EXPECT_EQ(deliveries.at(1).lost, deliveries.at(1).error);
}

TEST(LostTimeTest, FidelityAddsUpWhatDeliveriesLost) {
  ExecutionReport report;
  report.deliveries.resize(3);
  report.deliveries[0].lost = absl::Milliseconds(2);
  report.deliveries[1].lost = absl::Milliseconds(1);
  report.deliveries[1].late = true;
  StatsCollector stats;
  stats.CountInTotal(true);
  stats.AddCollective({}, report, true);
  stats.CountInTotal(false);
  EXPECT_DOUBLE_EQ(stats.TotalFidelity().late_seconds(), 0.003);
  EXPECT_EQ(stats.TotalFidelity().late_messages(), 1);
  EXPECT_EQ(stats.TotalFidelity().messages(), 3);
  stats.AddCollective({}, report, false);
  EXPECT_EQ(stats.TotalFidelity().messages(), 3);
  stats.ResetTotalFidelity();
  EXPECT_EQ(stats.TotalFidelity().messages(), 0);
  EXPECT_EQ(stats.TotalFidelity().late_seconds(), 0);
  EXPECT_EQ(stats.Take().fidelity.messages(), 6);
}

}  // namespace
}  // namespace edgetp
