// The order in which a rank's interface takes what several peers send.
#include "worker/collective/arrival_book.h"

#include <gtest/gtest.h>

#include <deque>

namespace edgetp {
namespace {

// Rank 0 of 3; what it has received is put in by the test.
class Mailbox final : public SegmentTransport {
 public:
  int rank() const override { return 0; }
  int world_size() const override { return 3; }
  bool one_clock() const override { return true; }
  bool CanSend(int) const override { return true; }
  absl::Status Send(int, const SegmentHeader&, absl::Span<const std::byte>) override {
    return absl::OkStatus();
  }
  uint64_t Released(int) const override { return 0; }
  const ReceivedSegment* Front(int peer) const override { return Queued(peer, 0); }
  const ReceivedSegment* Queued(int peer, size_t index) const override {
    return index < boxes[peer].size() ? &boxes[peer][index] : nullptr;
  }
  void Pop(int peer) override { boxes[peer].pop_front(); }
  absl::Status Poll(absl::Time) override { return absl::OkStatus(); }
  bool Closed(int) const override { return false; }
  void Abort(const absl::Status&) override {}

  std::deque<ReceivedSegment> boxes[3];
};

// Times in milliseconds. A segment needs 10 at the interface.
class ArrivalBookTest : public testing::Test {
 protected:
  static absl::Time At(int ms) { return absl::UnixEpoch() + absl::Milliseconds(1000 + ms); }
  void Receive(int peer, int first_bit) {
    SegmentTimes times;
    times.handover_ns = times.egress_start_ns = absl::ToUnixNanos(At(0));
    times.first_bit_ns = absl::ToUnixNanos(At(first_bit));
    times.last_bit_ns = absl::ToUnixNanos(At(first_bit + 10));
    times.ingress_ns = absl::ToInt64Nanoseconds(absl::Milliseconds(10));
    mailbox_.boxes[peer].emplace_back().header.times = times;
  }

  Mailbox mailbox_;
  EmulatedNetwork network_{0, 3, NetworkOptions(), 0, nullptr};
  ArrivalBook book_{&mailbox_, &network_};
};

TEST_F(ArrivalBookTest, WhoIsAskedForFirstDoesNotMatter) {
  Receive(1, 25);
  Receive(2, 0);
  Receive(2, 10);
  EXPECT_EQ(*book_.Arrival(1), At(35));
  EXPECT_EQ(*book_.Arrival(2), At(10));
  book_.Pop(2);
  EXPECT_EQ(*book_.Arrival(2), At(20));
}

TEST_F(ArrivalBookTest, SegmentsThatMeetAtTheInterfaceQueueInTheOrderOfTheirFirstBits) {
  Receive(1, 5);
  Receive(2, 0);
  Receive(2, 8);
  EXPECT_EQ(*book_.Arrival(1), At(20));
  EXPECT_EQ(*book_.Arrival(2), At(10));
  book_.Pop(2);
  EXPECT_EQ(*book_.Arrival(2), At(30));
}

TEST_F(ArrivalBookTest, WithoutStampsNothingQueues) {
  mailbox_.boxes[2].emplace_back();
  Receive(1, 5);
  EXPECT_EQ(*book_.Arrival(1), At(15));
  book_.Pop(2);
  Receive(2, 5);
  EXPECT_EQ(*book_.Arrival(2), At(25));
}

}  // namespace
}  // namespace edgetp
