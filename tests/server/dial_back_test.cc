// A worker is taken in where it can be reached, and hears why it is not. Changes of a network by
// several writers.
#include "server/dial_back.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/server_fixture.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

// Something that listens, as a worker's endpoint does.
class Listening {
 public:
  Listening() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    bind(socket_, reinterpret_cast<sockaddr*>(&address), size);
    listen(socket_, 8);
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }
  ~Listening() { Close(); }
  void Close() {
    if (socket_ >= 0) close(std::exchange(socket_, -1));
  }
  const std::string& address() const { return address_; }

 private:
  int socket_;
  std::string address_;
};

class DialBackTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    ServerOptions options = options_;
    options.runs += ".dial_back";
    options.dial_back_limit = absl::Seconds(10);
    auto server = Server::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    dialling_ = *std::move(server);
  }

  v1::WorkerMessage JoinFrom(const std::string& address) {
    v1::WorkerMessage message;
    message.mutable_join()->set_version(kVersion);
    message.mutable_join()->mutable_member()->set_peer_address(address);
    return message;
  }
  grpc::Status RefusalOf(const std::string& address) {
    FakeWorker worker(dialling_->address());
    worker.Write(JoinFrom(address));
    EXPECT_EQ(worker.Read().body_case(), v1::ServerMessage::BODY_NOT_SET);
    return worker.Finish();
  }

  std::unique_ptr<Server> dialling_;
};

TEST_F(DialBackTest, AWorkerThatCanBeReachedIsTakenIn) {
  const Listening listening;
  FakeWorker worker(dialling_->address());
  worker.Write(JoinFrom(listening.address()));
  EXPECT_TRUE(worker.Read().has_welcome());
}

TEST_F(DialBackTest, AWorkerThatCannotBeReachedIsRefusedWithTheReason) {
  Listening gone;
  gone.Close();
  const grpc::Status status = RefusalOf(gone.address());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << "a later try may do";
  EXPECT_THAT(status.error_message(), HasSubstr("cannot reach the address"));
  EXPECT_THAT(status.error_message(), HasSubstr(gone.address() + ": Connection refused"));
}

TEST_F(DialBackTest, AnAddressThatNobodyCanDialIsRefusedForGood) {
  for (const char* address : {"0.0.0.0:4100", "[::]:4100", "127.0.0.1:0", "127.0.0.1:70000",
                              "127.0.0.1", "127.0.0.1:http"}) {
    const grpc::Status status = RefusalOf(address);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << address;
    EXPECT_THAT(status.error_message(), HasSubstr("--advertise")) << address;
  }
}

TEST_F(DialBackTest, WhatAWorkerSaysBeforeItIsTakenInWaits) {
  const Listening listening;
  FakeWorker worker(dialling_->address());
  worker.Write(JoinFrom(listening.address()));
  v1::WorkerMessage beat;
  beat.mutable_heartbeat();
  worker.Write(beat);
  EXPECT_TRUE(worker.Read().has_welcome());
}

TEST(DialBackThreadsTest, StopAnswersEveryCall) {
  DialBack dial_back(absl::Seconds(10));
  int answers = 0;
  std::mutex mutex;
  for (int i = 0; i < 50; ++i) {
    dial_back.Check("127.0.0.1:1", [&](const absl::Status&) {
      const std::lock_guard<std::mutex> lock(mutex);
      ++answers;
    });
  }
  dial_back.Stop();
  dial_back.Check("127.0.0.1:1", [&](const absl::Status&) { ++answers; });
  EXPECT_EQ(answers, 51);
}

TEST_F(ServerTest, TwoWritersThatChangeDifferentLinksLoseNothing) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  const auto change = [this](int source, int count) {
    for (int i = 1; i <= count; ++i) {
      grpc::ClientContext context;
      SetDeadline(&context);
      v1::SetNetworkRequest request;
      v1::LinkOverride* const link = request.mutable_patch()->add_links();
      link->set_source(source);
      link->set_destination(1 - source);
      link->mutable_link()->set_delay_us(i);
      v1::NetworkProfile response;
      EXPECT_TRUE(control_->SetNetwork(&context, request, &response).ok());
    }
  };
  std::thread other([&] { change(1, 20); });
  change(0, 20);
  other.join();
  grpc::ClientContext context;
  v1::NetworkProfile network;
  ASSERT_TRUE(control_->GetNetwork(&context, v1::GetNetworkRequest(), &network).ok());
  const std::string name = network.name();
  EXPECT_THAT(name, HasSubstr("0to1-delay20us"));
  EXPECT_THAT(name, HasSubstr("1to0-delay20us"));
}

TEST_F(ServerTest, APatchThatBreaksARuleChangesNothing) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  v1::SetNetworkRequest request;
  request.mutable_patch()->add_links()->mutable_link()->set_loss(2);
  v1::NetworkProfile response;
  grpc::ClientContext context;
  EXPECT_EQ(control_->SetNetwork(&context, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_patch()->clear_links();
  request.mutable_patch()->add_partition()->add_ranks(7);
  grpc::ClientContext again;
  EXPECT_EQ(control_->SetNetwork(&again, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  grpc::ClientContext get;
  v1::NetworkProfile network;
  ASSERT_TRUE(control_->GetNetwork(&get, v1::GetNetworkRequest(), &network).ok());
  EXPECT_EQ(network.name(), "none");
}

TEST_F(ServerTest, WhatAWorkerSaysOfItsProgressIsTold) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::WatchRequest request;
  request.set_run("a");
  const auto reader = control_->Watch(&context, request);
  v1::RunEvent event;
  ASSERT_TRUE(reader->Read(&event)) << "it watches now";
  v1::WorkerMessage message;
  message.mutable_progress()->set_job("a");
  message.mutable_progress()->set_activity("dialling\n" + std::string(5000, 'x'));
  first.Write(message);
  while (reader->Read(&event) && !event.has_progress()) continue;
  EXPECT_EQ(event.progress().activity(), "dialling " + std::string(1024 - 9, 'x'));
}

}  // namespace
}  // namespace edgetp
