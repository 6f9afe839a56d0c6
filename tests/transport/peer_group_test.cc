#include "worker/transport/peer_group.h"

#include "gmock/gmock.h"
#include "tests/transport/plain_client.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(PeerEndpointTest, APortInUseIsUnavailableAndNamed) {
  const auto first = PeerEndpoint::Create("127.0.0.1:0");
  ASSERT_TRUE(first.ok());
  const auto second = PeerEndpoint::Create((*first)->address());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(second.status()), HasSubstr((*first)->address()));
}

TEST(PeerEndpointTest, AnAddressWithoutPortIsInvalid) {
  EXPECT_EQ(PeerEndpoint::Create("localhost").status().code(), absl::StatusCode::kInvalidArgument);
}

// Between the end of reading and the status of the call, which come one poll after another, a
// message is taken: that must not read again.
TEST(PeerEndpointTest, MessagesMayBeTakenWhileAnEndedStreamWaitsForItsStatus) {
  constexpr int kMessages = 8;
  auto accepting = *PeerEndpoint::Create("127.0.0.1:0");
  auto dialling = *PeerEndpoint::Create("127.0.0.1:0");
  const auto soon = [] { return MonotonicNow() + absl::Milliseconds(1); };
  std::unique_ptr<PeerStream> stream = dialling->Dial(accepting->address());
  for (; accepting->arrivals().empty(); dialling->Poll(soon())) accepting->Poll(soon());
  PeerStream& sender = *accepting->arrivals().front().stream;
  for (int i = 0; i < kMessages; ++i) {
    for (; !sender.CanWrite(); dialling->Poll(soon())) accepting->Poll(soon());
    sender.Write(EncodeHello(v1::Hello()));
  }
  sender.Close();
  for (; !sender.closed(); accepting->Poll(soon())) {
  }
  int taken = 0;
  for (int polls = 0; stream->state() != PeerStream::State::kEnded; ++polls) {
    ASSERT_LT(polls, 10'000);
    accepting->Poll(absl::InfinitePast());
    dialling->Poll(soon());
    if (stream->HasMessage()) {
      stream->TakeMessage();
      ++taken;
    }
  }
  for (; stream->HasMessage(); ++taken) stream->TakeMessage();
  while (!stream->idle()) dialling->Poll(soon());
  EXPECT_EQ(taken, kMessages);
  EXPECT_FALSE(stream->failed());
  dialling->Retire(std::move(stream));
}

TEST(PeerGroupTest, ARankThatNeverComesIsNamedAtTheDeadline) {
  LocalCluster cluster(3);
  PeerGroup group(cluster.endpoint(1), cluster.Options(1));
  const absl::Status status = group.Connect(MonotonicNow() + absl::Milliseconds(50));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Message(status), HasSubstr("missing=0,2"));
}

TEST(PeerGroupTest, ADialThatFailsIsToldWithAddressAndReasonAsItHappens) {
  LocalCluster cluster(2);
  PeerGroupOptions options = cluster.Options(0);
  options.members[1].address = "127.0.0.1:1";  // nobody listens
  std::vector<std::string> told;
  PeerGroup* dialling = nullptr;
  options.on_dial_error = [&](const std::string& error) {
    told.push_back(error);
    dialling->Abort(absl::CancelledError("the test has heard enough"));
  };
  PeerGroup group(cluster.endpoint(0), std::move(options));
  dialling = &group;
  EXPECT_EQ(group.Connect(MonotonicNow() + kTestDeadline).code(), absl::StatusCode::kCancelled);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told[0], HasSubstr("rank 0 dials rank 1 at 127.0.0.1:1: "));
  EXPECT_THAT(told[0], HasSubstr("refused"));
}

TEST(PeerGroupTest, APeerThatCannotBeDialledIsNamedWithTheRule) {
  LocalCluster cluster(2);
  PeerGroupOptions options = cluster.Options(0);
  options.members[1].address = "127.0.0.1:1";  // nobody listens
  PeerGroup group(cluster.endpoint(0), std::move(options));
  const absl::Status status = group.Connect(MonotonicNow() + absl::Seconds(1));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Message(status), HasSubstr("rank 0 cannot reach rank 1 at 127.0.0.1:1: "));
  EXPECT_THAT(Message(status), HasSubstr("every worker must reach the others"));
}

TEST(PeerGroupTest, AbortEndsAConnectThatWaits) {
  LocalCluster cluster(2);
  PeerGroup group(cluster.endpoint(1), cluster.Options(1));
  std::thread control([&group] { group.Abort(absl::AbortedError("rank 0 failed: no memory")); });
  EXPECT_EQ(group.Connect(MonotonicNow() + kTestDeadline),
            absl::AbortedError("rank 0 failed: no memory"));
  control.join();
}

TEST(PeerGroupTest, AnotherJobIsRefusedAndBothAreNamed) {
  LocalCluster cluster(2);
  PeerGroup waiting(cluster.endpoint(1), cluster.Options(1, "green"));
  std::thread waiter([&] { waiting.Connect(MonotonicNow() + kTestDeadline).IgnoreError(); });
  PeerGroup dialling(cluster.endpoint(0), cluster.Options(0, "blue"));
  const absl::Status status = dialling.Connect(MonotonicNow() + kTestDeadline);
  waiting.Abort(absl::CancelledError("test over"));
  waiter.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("green"));
  EXPECT_THAT(Message(status), HasSubstr("blue"));
}

TEST(PeerGroupTest, AnotherVersionIsRefusedAndBothAreNamed) {
  LocalCluster cluster(2);
  PeerGroup waiting(cluster.endpoint(1), cluster.Options(1));
  std::thread waiter([&] { waiting.Connect(MonotonicNow() + kTestDeadline).IgnoreError(); });
  PeerGroupOptions options = cluster.Options(0);
  options.version = "9.9.9";
  PeerGroup dialling(cluster.endpoint(0), options);
  const absl::Status status = dialling.Connect(MonotonicNow() + kTestDeadline);
  waiting.Abort(absl::CancelledError("test over"));
  waiter.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(status), HasSubstr("9.9.9"));
  EXPECT_THAT(Message(status), HasSubstr(kVersion));
}

TEST(PeerGroupTest, AStrangersGarbageDoesNotDisturbTheJob) {
  LocalCluster cluster(2);
  PlainClient stranger(cluster.endpoint(1)->address());
  std::thread garbage([&stranger] {
    stranger.Write(SegmentOf(3, {1, 2, 3}));
    EXPECT_EQ(stranger.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  });
  // Rank 0 comes only after the stranger has been refused.
  ExpectAllOk(cluster.OnEachRank([&](int rank) {
    if (rank == 0) garbage.join();
    cluster.Connected(rank);
    return absl::OkStatus();
  }));
}

TEST_F(PlainPeerTest, AnOrdinaryGrpcClientCanTakePart) {
  std::vector<float> data = {10, 20};
  ASSERT_TRUE(AllReduceAgainst({SegmentOf(0, {1, 2})}, data).ok());
  EXPECT_THAT(data, testing::ElementsAre(11, 22));
  EXPECT_EQ(client_.Read().hello().rank(), 1);
  const v1::PeerMessage message = client_.Read();
  const std::vector<float> sent = {10, 20};
  EXPECT_EQ(message.segment().payload(),
            std::string(reinterpret_cast<const char*>(sent.data()), 8));
}

TEST_F(PlainPeerTest, AMessageThatIsNoSegmentNamesThePeer) {
  std::vector<float> data = {10, 20};
  const absl::Status status = AllReduceAgainst({v1::PeerMessage()}, data);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("peer=0"));
}

TEST_F(PlainPeerTest, ASegmentOfAnotherCollectiveNamesBoth) {
  std::vector<float> data = {10, 20};
  const absl::Status status = AllReduceAgainst({SegmentOf(7, {1, 2})}, data);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(status), HasSubstr("want {collective=0"));
  EXPECT_THAT(Message(status), HasSubstr("got {collective=7"));
}

TEST_F(PlainPeerTest, ASegmentOfAnotherSizeNamesBoth) {
  std::vector<float> data = {10, 20};
  const absl::Status status = AllReduceAgainst({SegmentOf(0, {1, 2, 3})}, data);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(status), HasSubstr("bytes=8"));
  EXPECT_THAT(Message(status), HasSubstr("bytes=12"));
}

TEST_F(PlainPeerTest, AnOversizedMessageEndsTheJobAndNamesThePeer) {
  std::vector<float> data = {10, 20};
  const absl::Status status = AllReduceAgainst({SegmentOf(0, std::vector<float>(2 << 20))}, data);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(Message(status), HasSubstr("peer=0"));
}

TEST_F(PlainPeerTest, AFloodOfSegmentsIsNotBuffered) {
  client_.SayHello("job");
  auto group = cluster_.Connected(1);
  std::thread flood([this] {
    for (int i = 0; i < 100; ++i) client_.Write(SegmentOf(i, std::vector<float>(1 << 18)));
  });
  // All 100 MiB get through, but only as fast as they are taken.
  for (uint64_t i = 0; i < 100; ++i) {
    while (group->Front(0) == nullptr)
      ASSERT_TRUE(group->Poll(MonotonicNow() + kTestDeadline).ok());
    EXPECT_EQ(group->Front(0)->header.collective, i);
    group->Pop(0);
  }
  flood.join();
}

}  // namespace
}  // namespace edgetp
