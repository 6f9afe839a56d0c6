// What one connection may cost a server (common/rpc/server_limits.h).
#include "common/rpc/server_limits.h"

#include <arpa/inet.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "common/base/clock.h"
#include "common/rpc/deadline.h"

namespace edgetp {
namespace {

constexpr absl::Duration kShort = absl::Milliseconds(200);
constexpr absl::Duration kPatience = absl::Seconds(20);

class ServerLimitsTest : public ::testing::Test {
 protected:
  void Start(const ConnectionLimits& limits) {
    grpc::ServerBuilder builder;
    LimitConnections(&builder, limits);
    builder.RegisterCallbackGenericService(&nothing_);
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void TearDown() override {
    if (server_ != nullptr) server_->Shutdown(GrpcDeadline(MonotonicNow()));
  }

  grpc::CallbackGenericService nothing_;  // a server needs one
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(ServerLimitsTest, WhoConnectsAndSaysNothingIsHungUpOn) {
  Start({.handshake = kShort});
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<uint16_t>(port_));
  const timeval patience{.tv_sec = absl::ToInt64Seconds(kPatience)};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ASSERT_EQ(connect(connection, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  char settings[256];  // the server's greeting comes first
  ssize_t received = 0;
  do {
    received = recv(connection, settings, sizeof(settings), 0);
  } while (received > 0);
  // Closed or reset, and no time-out of ours.
  EXPECT_TRUE(received == 0 || errno == ECONNRESET) << "errno " << errno;
  close(connection);
}

TEST_F(ServerLimitsTest, AConnectionWithoutACallIsClosed) {
  Start({.idle = kShort});
  const auto channel =
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port_), grpc::InsecureChannelCredentials());
  const gpr_timespec until = GrpcDeadline(MonotonicNow() + kPatience);
  ASSERT_TRUE(channel->WaitForConnected(until));
  EXPECT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_READY, until));
}

}  // namespace
}  // namespace edgetp
