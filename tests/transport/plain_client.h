// A peer written with gRPC's ordinary generated client, and the test fixture in which it plays
// rank 0: what any program on the network can send.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "edgetp/v1/peer.grpc.pb.h"
#include "tests/transport/local_cluster.h"

namespace edgetp {

// It plays rank 0 towards the cluster's rank 1. `prepare` may add to the call what it wants to.
class PlainClient {
 public:
  using Prepare = std::function<void(grpc::ClientContext&)>;

  explicit PlainClient(const std::string& address, const Prepare& prepare = nullptr)
      : stub_(v1::Peer::NewStub(OwnChannel(address))) {
    if (prepare) prepare(context_);
    context_.set_deadline(std::chrono::system_clock::now() + absl::ToChronoSeconds(kTestDeadline));
    context_.set_wait_for_ready(true);
    stream_ = stub_->Exchange(&context_);
  }
  ~PlainClient() {
    context_.TryCancel();
    if (!finished_) stream_->Finish();
  }

  void SayHello(const std::string& job) {
    v1::PeerMessage message;
    message.mutable_hello()->set_job(job);
    message.mutable_hello()->set_world_size(2);
    message.mutable_hello()->set_version(kVersion);
    stream_->Write(message);
  }
  void Write(const v1::PeerMessage& message) { stream_->Write(message); }
  v1::PeerMessage Read() {
    v1::PeerMessage message;
    EXPECT_TRUE(stream_->Read(&message));
    return message;
  }
  grpc::Status Finish() {
    stream_->WritesDone();
    v1::PeerMessage ignored;
    while (stream_->Read(&ignored)) {
    }
    finished_ = true;
    return stream_->Finish();
  }

  // What a call ends with that says nothing but `message`.
  grpc::Status EndAfter(const v1::PeerMessage& message) {
    stream_->Write(message);
    return Finish();
  }

 private:
  // A connection of its own for each.
  static std::shared_ptr<grpc::Channel> OwnChannel(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  }

  std::unique_ptr<v1::Peer::Stub> stub_;
  grpc::ClientContext context_;
  bool finished_ = false;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PeerMessage, v1::PeerMessage>> stream_;
};

inline v1::PeerMessage SegmentOf(uint64_t collective, const std::vector<float>& values) {
  v1::PeerMessage message;
  message.mutable_segment()->set_collective(collective);
  message.mutable_segment()->set_payload(values.data(), values.size() * sizeof(float));
  return message;
}

// Rank 1 of two, with a plain client as rank 0.
class PlainPeerTest : public testing::Test {
 protected:
  // What rank 1's all-reduce of `data` gives when the client has written `messages` after its
  // hello.
  absl::Status AllReduceAgainst(const std::vector<v1::PeerMessage>& messages,
                                std::vector<float>& data) {
    client_.SayHello("job");
    CollectiveGroupOptions options;
    options.choose = FixedAlgorithm("direct");
    options.deadline = kTestDeadline;
    auto group = CollectiveGroup::Create(cluster_.Connected(1), options);
    std::thread writer([&] {
      for (const v1::PeerMessage& message : messages) client_.Write(message);
    });
    const absl::Status status = (*group)->AllReduce(kForwardTag, absl::MakeSpan(data));
    writer.join();
    return status;
  }

  LocalCluster cluster_{2};
  PlainClient client_{cluster_.endpoint(1)->address()};
};

}  // namespace edgetp
