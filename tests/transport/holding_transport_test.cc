// One rank that holds what it sends. The transport below it is a fake whose peer takes and sends
// what the test says; times are only ever checked to be not too early.
#include "worker/transport/holding_transport.h"

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/transport/peer_clock.h"

namespace edgetp {
namespace {

constexpr int kPeer = 1;
constexpr absl::Duration kNever = absl::Hours(1);

// The far side of the fake. What has no lock belongs to the holding transport while that lives, or
// is set before it does anything.
struct Wire {
  std::atomic<bool> takes = true;
  std::atomic<bool> fails = false;
  std::atomic<bool> releases = true;
  std::vector<SegmentHeader> sent;
  std::vector<const std::byte*> payloads;
  std::vector<absl::Time> times;
  std::promise<void> first_sent;
  std::deque<ReceivedSegment> incoming;
  std::mutex mutex;
  absl::Status aborted;  // guarded by mutex
};

// Rank 0 of 2.
class FakeTransport final : public SegmentTransport {
 public:
  explicit FakeTransport(Wire* wire) : wire_(wire) {}
  int rank() const override { return 0; }
  int world_size() const override { return 2; }
  bool one_clock() const override { return false; }
  bool CanSend(int peer) const override { return peer == kPeer && wire_->takes; }
  absl::Status Send(int, const SegmentHeader& header,
                    absl::Span<const std::byte> payload) override {
    if (wire_->fails) return absl::UnavailableError("injected");
    wire_->sent.push_back(header);
    wire_->payloads.push_back(payload.data());
    wire_->times.push_back(MonotonicNow());
    if (wire_->sent.size() == 1) wire_->first_sent.set_value();
    return absl::OkStatus();
  }
  uint64_t Released(int peer) const override {
    return peer == kPeer && wire_->releases ? wire_->sent.size() : 0;
  }
  const ReceivedSegment* Front(int peer) const override {
    return peer == kPeer && !wire_->incoming.empty() ? &wire_->incoming.front() : nullptr;
  }
  void Pop(int) override { wire_->incoming.pop_front(); }
  absl::Status Poll(absl::Time) override {
    std::lock_guard<std::mutex> lock(wire_->mutex);
    return wire_->aborted;
  }
  bool Closed(int) const override { return wire_->incoming.empty(); }
  void Abort(const absl::Status& status) override {
    std::lock_guard<std::mutex> lock(wire_->mutex);
    wire_->aborted = status;
  }

 private:
  Wire* wire_;
};

class HoldingTransportTest : public testing::Test {
 protected:
  void Open(HoldingOptions options = {}) {
    transport_ =
        std::make_unique<HoldingTransport>(std::make_unique<FakeTransport>(&wire_), options);
  }

  // Due `after` from now; without it, the segment is not stamped.
  absl::Status Send(std::optional<absl::Duration> after) {
    SegmentHeader header;
    header.chunk = chunks_++;
    header.times.entered_ns = 7;
    due_ = MonotonicNow() + after.value_or(absl::ZeroDuration());
    if (after.has_value()) header.times.last_bit_ns = absl::ToUnixNanos(due_);
    const auto* bytes = reinterpret_cast<const std::byte*>(payload_.data());
    return transport_->Send(kPeer, header, absl::MakeConstSpan(bytes, payload_.size()));
  }

  Wire wire_;
  const std::string payload_ = std::string(1000, 'x');
  absl::Time due_;
  uint32_t chunks_ = 0;
  std::unique_ptr<HoldingTransport> transport_;
};

TEST_F(HoldingTransportTest, AStampedSegmentIsReleasedAtOnceAndSentNotBeforeItsTime) {
  Open();
  ASSERT_TRUE(Send(absl::Milliseconds(5)).ok());
  EXPECT_EQ(transport_->Released(kPeer), 1u);
  transport_.reset();  // lets go what is held
  ASSERT_EQ(wire_.sent.size(), 1u);
  EXPECT_GE(wire_.times[0], due_);
  EXPECT_NE(wire_.payloads[0], reinterpret_cast<const std::byte*>(payload_.data()));
  const SegmentTimes& times = wire_.sent[0].times;
  EXPECT_EQ(times.last_bit_ns, absl::ToUnixNanos(due_));
  EXPECT_GE(times.overshoot_ns, 0);
  EXPECT_LE(absl::Nanoseconds(times.overshoot_ns), wire_.times[0] - due_);
  EXPECT_EQ(times.entered_ns, 7);
}

TEST_F(HoldingTransportTest, ASegmentIsSentWhileNobodyPolls) {
  Open();
  ASSERT_TRUE(Send(absl::Milliseconds(1)).ok());
  EXPECT_EQ(wire_.first_sent.get_future().wait_for(std::chrono::seconds(30)),
            std::future_status::ready);
}

TEST_F(HoldingTransportTest, PollSendsWhatIsDue) {
  Open();
  ASSERT_TRUE(Send(absl::Milliseconds(3)).ok());
  ASSERT_TRUE(Send(absl::Milliseconds(4)).ok());
  const absl::Time limit = MonotonicNow() + absl::Seconds(30);
  while (MonotonicNow() < due_) ASSERT_TRUE(transport_->Poll(limit).ok());
  ASSERT_TRUE(transport_->Poll(absl::InfinitePast()).ok());
  wire_.takes = false;
  transport_.reset();
  EXPECT_EQ(wire_.sent.size(), 2u);
}

TEST_F(HoldingTransportTest, AnUnstampedSegmentGoesAtOnceFromTheCallersMemory) {
  Open();
  wire_.releases = false;
  ASSERT_TRUE(Send(std::nullopt).ok());
  ASSERT_EQ(wire_.sent.size(), 1u);
  EXPECT_EQ(wire_.payloads[0], reinterpret_cast<const std::byte*>(payload_.data()));
  EXPECT_EQ(wire_.sent[0].times.entered_ns, 7);
  EXPECT_EQ(transport_->Released(kPeer), 0u);
  wire_.releases = true;
  EXPECT_EQ(transport_->Released(kPeer), 1u);
}

TEST_F(HoldingTransportTest, OrderIsKeptAndAnUnstampedSegmentWaitsForTheHeldOneBeforeIt) {
  Open();
  ASSERT_TRUE(Send(absl::Milliseconds(5)).ok());
  const absl::Time due = due_;
  ASSERT_TRUE(Send(std::nullopt).ok());
  ASSERT_TRUE(Send(absl::Milliseconds(1)).ok());
  transport_.reset();
  ASSERT_EQ(wire_.sent.size(), 3u);
  for (uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(wire_.sent[i].chunk, i);
    EXPECT_GE(wire_.times[i], due);
  }
}

TEST_F(HoldingTransportTest, AHeldSegmentDoesNotReleaseTheCallersMemoryBeforeIt) {
  Open();
  wire_.takes = false;
  ASSERT_TRUE(Send(std::nullopt).ok());
  ASSERT_TRUE(Send(absl::Milliseconds(1)).ok());
  EXPECT_EQ(transport_->Released(kPeer), 0u);
  wire_.takes = true;
  ASSERT_TRUE(transport_->Poll(absl::InfinitePast()).ok());
  EXPECT_EQ(transport_->Released(kPeer), 2u);
}

TEST_F(HoldingTransportTest, AQueueAtItsLimitRefusesUntilSegmentsHaveGone) {
  HoldingOptions options;
  options.max_held_bytes = 1500;
  Open(options);
  wire_.takes = false;
  EXPECT_TRUE(transport_->CanSend(kPeer));
  ASSERT_TRUE(Send(absl::ZeroDuration()).ok());
  EXPECT_TRUE(transport_->CanSend(kPeer));
  ASSERT_TRUE(Send(absl::ZeroDuration()).ok());
  EXPECT_FALSE(transport_->CanSend(kPeer));
  ASSERT_TRUE(transport_->Poll(absl::InfinitePast()).ok());
  EXPECT_FALSE(transport_->CanSend(kPeer));
  wire_.takes = true;
  ASSERT_TRUE(transport_->Poll(absl::InfinitePast()).ok());
  EXPECT_TRUE(transport_->CanSend(kPeer));
}

TEST_F(HoldingTransportTest, AnErrorOfAHeldSendComesFromPollAndStays) {
  Open();
  wire_.fails = true;
  wire_.takes = false;
  ASSERT_TRUE(Send(absl::ZeroDuration()).ok());
  wire_.takes = true;
  EXPECT_EQ(transport_->Poll(absl::InfinitePast()).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Send(kNever).code(), absl::StatusCode::kUnavailable);
}

TEST_F(HoldingTransportTest, AbortEndsWhatIsHeld) {
  Open();
  ASSERT_TRUE(Send(kNever).ok());
  std::thread control([this] { transport_->Abort(absl::AbortedError("rank 3 failed")); });
  control.join();
  EXPECT_EQ(transport_->Poll(absl::InfinitePast()).code(), absl::StatusCode::kAborted);
  transport_.reset();
  EXPECT_TRUE(wire_.sent.empty());
}

TEST_F(HoldingTransportTest, TheDestructorWaitsForNoOneLongerThanItShould) {
  HoldingOptions options;
  options.linger = absl::Milliseconds(1);
  Open(options);
  ASSERT_TRUE(Send(kNever).ok());  // a link that was cut
  transport_.reset();
  Open();
  wire_.takes = false;  // a peer that was stopped
  ASSERT_TRUE(Send(absl::ZeroDuration()).ok());
  transport_.reset();
  EXPECT_TRUE(wire_.sent.empty());
}

TEST_F(HoldingTransportTest, StampsOfAnotherClockAreMovedToTheTimeOfArrival) {
  ReceivedSegment segment;
  const int64_t t = 1'000'000'000'000'000;
  segment.header.times = {t, t + 20, t + 100, t + 200, 3, t - 10, 4, /*overshoot_ns=*/50};
  segment.payload_bytes = 1;
  wire_.incoming.push_back(segment);
  const int64_t before = absl::ToUnixNanos(MonotonicNow());
  Open();
  ASSERT_TRUE(transport_->Poll(absl::InfinitePast()).ok());
  const int64_t after = absl::ToUnixNanos(MonotonicNow());
  ASSERT_NE(transport_->Front(kPeer), nullptr);
  EXPECT_FALSE(transport_->Closed(kPeer)) << "there is still something to take";
  const SegmentTimes& times = transport_->Front(kPeer)->header.times;
  EXPECT_GE(times.last_bit_ns + 50, before);
  EXPECT_LE(times.last_bit_ns + 50, after);
  EXPECT_EQ(times.last_bit_ns - times.handover_ns, 200);
  EXPECT_EQ(times.last_bit_ns - times.egress_start_ns, 180);
  EXPECT_EQ(times.last_bit_ns - times.first_bit_ns, 100);
  EXPECT_EQ(times.last_bit_ns - times.entered_ns, 210);
  EXPECT_EQ(times.jitter_ns, 3);
  EXPECT_EQ(times.ingress_ns, 4);
  transport_->Pop(kPeer);
  EXPECT_EQ(transport_->Front(kPeer), nullptr);
  EXPECT_TRUE(transport_->Closed(kPeer));
}

TEST_F(HoldingTransportTest, WhatNobodyTakesStaysInTheStreamsBeyondTheLimit) {
  HoldingOptions options;
  options.max_received_bytes = 1500;
  ReceivedSegment segment;
  segment.payload_bytes = 1000;
  wire_.incoming = {segment, segment, segment};
  Open(options);
  ASSERT_TRUE(transport_->Poll(absl::InfinitePast()).ok());
  EXPECT_NE(transport_->Queued(kPeer, 1), nullptr);
  EXPECT_EQ(transport_->Queued(kPeer, 2), nullptr);
  transport_->Pop(kPeer);
  ASSERT_TRUE(transport_->Poll(absl::InfinitePast()).ok());
  EXPECT_NE(transport_->Queued(kPeer, 1), nullptr);
  transport_.reset();
  EXPECT_TRUE(wire_.incoming.empty());
}

}  // namespace
}  // namespace edgetp
