// What a rank lost to the host while it waited for one emulated segment. The peer is a fake that
// decides when the segment is there and when a Poll returns.
#include <optional>

#include "common/collective/direct.h"
#include "gtest/gtest.h"
#include "worker/collective_stats.h"
#include "worker/peer_clock.h"
#include "worker/schedule_executor.h"

namespace edgetp {
namespace {

// Far enough away that the hold polls at least once, for all that a busy machine may do before it.
constexpr absl::Duration kFar = absl::Milliseconds(50);
constexpr absl::Duration kOversleep = absl::Milliseconds(2);

struct Script {
  bool there_at_once = true;  // else the second Poll brings it
  absl::Duration arrival;     // after the rank's first look at it or for it
  absl::Duration oversleep;   // by which each Poll that may block returns after the arrival
};

// Rank 1 of 2; sends vanish, rank 0 has sent one segment of one element.
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
    if (!segment_.has_value()) segment_ = Stamped();
    return there_ ? &*segment_ : nullptr;
  }
  void Pop(int) override { there_ = false; }
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
  mutable absl::Time arrival_;
  mutable std::optional<ReceivedSegment> segment_;
};

Delivery DeliveryOf(const Script& script) {
  FakePeer transport(script);
  EmulatedNetwork network(1, 2, NetworkOptions(), 0, nullptr);
  ScheduleExecutor executor(&transport, &network, 1000);
  const Schedule schedule = BuildDirect(2, 1);
  Execution execution;
  execution.schedule = &schedule;
  execution.codec = *FindCodec("fp32");
  execution.deadline = MonotonicNow() + absl::Seconds(30);
  std::vector<float> data(1, 1.0f);
  ExecutionReport report;
  const absl::Status status = executor.Run(execution, absl::MakeSpan(data), &report);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(data[0], 2.0f);
  EXPECT_EQ(report.deliveries.size(), 1u);
  return report.deliveries.at(0);
}

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

TEST(LostTimeTest, FidelityAddsUpWhatDeliveriesLost) {
  ExecutionReport report;
  report.deliveries.resize(3);
  report.deliveries[0].lost = absl::Milliseconds(2);
  report.deliveries[1].lost = absl::Milliseconds(1);
  report.deliveries[1].late = true;
  StatsCollector stats;
  stats.AddCollective({}, report, true);
  EXPECT_DOUBLE_EQ(stats.TotalFidelity().late_seconds(), 0.003);
  EXPECT_EQ(stats.TotalFidelity().late_messages(), 1);
  EXPECT_EQ(stats.TotalFidelity().messages(), 3);
}

}  // namespace
}  // namespace edgetp
