// What one connection may cost a server (common/rpc/server_limits.h).
#include "common/rpc/server_limits.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/rpc/deadline.h"
#include "tests/rpc/raw_connection.h"

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
  std::string Address() const { return "127.0.0.1:" + std::to_string(port_); }
  void TearDown() override {
    if (server_ != nullptr) server_->Shutdown(GrpcDeadline(MonotonicNow()));
  }

  grpc::CallbackGenericService nothing_;  // a server needs one
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(ServerLimitsTest, WhoConnectsAndSaysNothingIsHungUpOn) {
  Start({.handshake = kShort});
  RawConnection connection(Address());
  EXPECT_TRUE(connection.HungUpOn(kPatience));
}

TEST_F(ServerLimitsTest, AConnectionWithoutACallIsClosed) {
  Start({.idle = kShort});
  const auto channel = grpc::CreateChannel(Address(), grpc::InsecureChannelCredentials());
  const gpr_timespec until = GrpcDeadline(MonotonicNow() + kPatience);
  ASSERT_TRUE(channel->WaitForConnected(until));
  EXPECT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_READY, until));
}

}  // namespace
}  // namespace edgetp
