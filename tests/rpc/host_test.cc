// The address under which others reach a worker (common/rpc/host.h).
#include "common/rpc/host.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace edgetp {
namespace {

TEST(ReachableAddressTest, ANamedHostStaysAsItIs) {
  EXPECT_EQ(ReachableAddress("127.0.0.1:50100", "nowhere.invalid:1").value(), "127.0.0.1:50100");
}

TEST(ReachableAddressTest, AWildcardBecomesTheInterfaceTowardsTheServer) {
  EXPECT_EQ(ReachableAddress("0.0.0.0:50100", "127.0.0.1:50051").value(), "127.0.0.1:50100");
  EXPECT_EQ(ReachableAddress("[::]:50100", "127.0.0.1:50051").value(), "127.0.0.1:50100");
}

TEST(ReachableAddressTest, AnUnknownServerIsUnavailableAndNamed) {
  const absl::Status status = ReachableAddress("0.0.0.0:1", "nowhere.invalid:50051").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(std::string(status.message()).find("nowhere.invalid:50051"), std::string::npos);
}

TEST(ReachableAddressTest, WhatIsNotHostAndPortIsRefused) {
  EXPECT_EQ(ReachableAddress("0.0.0.0", "127.0.0.1:1").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReachableAddress("0.0.0.0:1", "server").status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace edgetp
