// Whoever reaches a worker's port can send it anything. The job goes on or ends with an error that
// names the peer; what a stranger makes the worker hold is bounded.

#include <cstdint>

#include "gmock/gmock.h"
#include "tests/rpc/raw_connection.h"
#include "tests/transport/plain_client.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

v1::PeerMessage HelloOf(const std::string& job, int rank, int world_size) {
  v1::PeerMessage message;
  message.mutable_hello()->set_job(job);
  message.mutable_hello()->set_rank(rank);
  message.mutable_hello()->set_world_size(world_size);
  message.mutable_hello()->set_version(kVersion);
  return message;
}

// Two ranks connect and reduce, whatever strangers do meanwhile.
void ExpectJobRuns(LocalCluster* cluster) {
  CollectiveGroupOptions options;
  options.choose = FixedAlgorithm("direct");
  options.deadline = kTestDeadline;
  ExpectAllOk(cluster->OnEachGroup(options, [](CollectiveGroup& group) {
    std::vector<float> data = TestValues(group.rank(), 1000);
    return group.AllReduce(kForwardTag, absl::MakeSpan(data));
  }));
}

// A caller of rank 1's port. The job begins once the answer is there: it takes a rank to give it.
class StrangerTest : public testing::Test {
 protected:
  // How a call ends that says `message`, while rank 1 waits for its peer; then the job runs.
  grpc::Status Refusal(const v1::PeerMessage& message,
                       const PlainClient::Prepare& prepare = nullptr) {
    grpc::Status status;
    PeerGroup waiting(cluster_.endpoint(1), cluster_.Options(1));
    std::thread stranger([&] {
      status = PlainClient(cluster_.endpoint(1)->address(), prepare).EndAfter(message);
      waiting.Abort(absl::CancelledError("the stranger has its answer"));
    });
    waiting.Connect(MonotonicNow() + kTestDeadline).IgnoreError();
    stranger.join();
    ExpectJobRuns(&cluster_);
    return status;
  }

  LocalCluster cluster_{2};
};

TEST_F(StrangerTest, WithAHelloForAnotherRunIsRefused) {
  EXPECT_EQ(Refusal(HelloOf("yesterday", 0, 2)).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(StrangerTest, WithARankThatIsNoneIsRefused) {
  for (const int rank : {-1, 1, 2, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(Refusal(HelloOf("job", rank, 2)).error_code(), grpc::StatusCode::FAILED_PRECONDITION)
        << rank;
  }
}

TEST_F(StrangerTest, WithHalfAHelloIsRefused) {
  EXPECT_EQ(Refusal(v1::PeerMessage()).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(StrangerTest, WithAHelloAsLargeAsASegmentIsRefusedBeforeItIsKept) {
  const grpc::Status status = Refusal(HelloOf(std::string(1 << 20, 'x'), 0, 2));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("too large"));
}

TEST_F(StrangerTest, WithAMessageAboveEveryLimitIsRefused) {
  EXPECT_EQ(Refusal(HelloOf(std::string(16 << 20, 'x'), 0, 2)).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(StrangerTest, WhoCompressesIsRefused) {
  const grpc::Status status = Refusal(
      HelloOf(std::string(3 << 20, '\0'), 0, 2),
      [](grpc::ClientContext& context) { context.set_compression_algorithm(GRPC_COMPRESS_GZIP); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << status.error_message();
}

TEST_F(StrangerTest, WithMuchMetadataIsRefused) {
  const grpc::Status status = Refusal(HelloOf("job", 0, 2), [](grpc::ClientContext& context) {
    context.AddMetadata("x-much", std::string(1 << 20, 'x'));
  });
  // The server may also close the connection over it, before all of it has been sent.
  EXPECT_THAT(status.error_code(),
              testing::AnyOf(grpc::StatusCode::RESOURCE_EXHAUSTED, grpc::StatusCode::UNAVAILABLE))
      << status.error_message();
}

TEST_F(StrangerTest, WhoCallsAnotherMethodIsTold) {
  PeerGroup waiting(cluster_.endpoint(1), cluster_.Options(1));
  grpc::Status status;
  std::thread stranger([&] {
    grpc::GenericStub stub(
        grpc::CreateChannel(cluster_.endpoint(1)->address(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoSeconds(kTestDeadline));
    grpc::CompletionQueue queue;
    const grpc::ByteBuffer nothing;
    const auto call = stub.PrepareUnaryCall(&context, "/edgetp.v1.Control/Submit", nothing, &queue);
    grpc::ByteBuffer answer;
    call->StartCall();
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    waiting.Abort(absl::CancelledError("the stranger has its answer"));
  });
  waiting.Connect(MonotonicNow() + kTestDeadline).IgnoreError();
  stranger.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  ExpectJobRuns(&cluster_);
}

TEST_F(StrangerTest, ManySilentStreamsDoNotKeepThePeerOut) {
  std::vector<std::unique_ptr<PlainClient>> silent;
  for (int i = 0; i < 150; ++i)
    silent.push_back(std::make_unique<PlainClient>(cluster_.endpoint(1)->address()));
  ExpectJobRuns(&cluster_);
  EXPECT_LE(cluster_.endpoint(1)->arrivals().size(), 64u);
}

TEST_F(StrangerTest, ManyConnectionsThatSayNothingOrNonsenseDoNotKeepThePeerOut) {
  std::vector<std::unique_ptr<RawConnection>> connections;
  for (int i = 0; i < 300; ++i) {
    connections.push_back(std::make_unique<RawConnection>(cluster_.endpoint(1)->address()));
    if (i % 3 == 1) connections.back()->Send(std::string(1000, static_cast<char>(i)));
    // The preface of HTTP/2, then frames with lengths that lie.
    if (i % 3 == 2)
      connections.back()->Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(999, '\xff'));
  }
  ExpectJobRuns(&cluster_);
}

TEST_F(PlainPeerTest, AReplayedSegmentEndsTheJobAndNamesThePeer) {
  std::vector<float> data = {10, 20};
  client_.SayHello("job");
  CollectiveGroupOptions options;
  options.choose = FixedAlgorithm("direct");
  options.deadline = kTestDeadline;
  auto group = CollectiveGroup::Create(cluster_.Connected(1), options);
  std::thread writer([&] {
    client_.Write(SegmentOf(0, {1, 2}));
    client_.Write(SegmentOf(0, {1, 2}));
  });
  EXPECT_TRUE((*group)->AllReduce(kForwardTag, absl::MakeSpan(data)).ok());
  const absl::Status status = (*group)->AllReduce(kForwardTag, absl::MakeSpan(data));
  writer.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(status), HasSubstr("peer=0"));
  EXPECT_THAT(Message(status), HasSubstr("got {collective=0"));
}

TEST_F(PlainPeerTest, ASecondHelloInAJobEndsItAndNamesThePeer) {
  std::vector<float> data = {10, 20};
  const absl::Status status = AllReduceAgainst({HelloOf("job", 0, 2)}, data);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(status), HasSubstr("peer=0"));
}

TEST_F(PlainPeerTest, ASegmentOfAnotherDtypeNamesBoth) {
  std::vector<float> data = {10, 20};
  v1::PeerMessage message = SegmentOf(0, {1, 2});
  message.mutable_segment()->set_wire_dtype(1);
  const absl::Status status = AllReduceAgainst({message}, data);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(status), HasSubstr("dtype=1"));
}

// A job of rank 1 with a deadline that is soon there, against a peer that plays dead or lies.
class ImpatientTest : public PlainPeerTest {
 protected:
  absl::Status AllReduce(std::vector<float>& data) {
    CollectiveGroupOptions options;
    options.choose = FixedAlgorithm("direct");
    options.deadline = absl::Milliseconds(300);
    auto group = CollectiveGroup::Create(cluster_.Connected(1), options);
    return (*group)->AllReduce(kForwardTag, absl::MakeSpan(data));
  }
};

TEST_F(ImpatientTest, APeerThatDoesNotReadIsNamedAtTheDeadline) {
  std::vector<float> data(16 << 20);
  client_.SayHello("job");
  const absl::Status status = AllReduce(data);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Message(status), HasSubstr("peer=0"));
}

TEST_F(ImpatientTest, APeerThatSaysNothingAfterItsHelloIsNamedAtTheDeadline) {
  std::vector<float> data = {1, 2};
  client_.SayHello("job");
  const absl::Status status = AllReduce(data);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Message(status), HasSubstr("peer=0"));
}

TEST_F(ImpatientTest, ASegmentFromTheEndOfTimeIsWaitedForNoLongerThanTheDeadline) {
  client_.SayHello("job");
  v1::PeerMessage message = SegmentOf(0, {1, 2});
  v1::Segment& segment = *message.mutable_segment();
  segment.set_last_bit_ns(INT64_MAX);
  segment.set_first_bit_ns(INT64_MIN);
  segment.set_handover_ns(INT64_MIN);
  segment.set_jitter_ns(INT64_MAX);
  segment.set_ingress_ns(INT64_MAX);
  segment.set_overshoot_ns(INT64_MIN);
  segment.set_entered_ns(INT64_MAX);
  client_.Write(message);
  std::vector<float> data = {10, 20};
  const absl::Status status = AllReduce(data);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Message(status), HasSubstr("peer=0"));
}

}  // namespace
}  // namespace edgetp
