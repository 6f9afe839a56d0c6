// The address under which others reach a worker (common/rpc/host.h).
#include "common/rpc/host.h"

#include <gtest/gtest.h>

#include <utility>

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

TEST(AddressTest, AHostAndAPortUpTo65535AreOne) {
  for (const char* good : {"127.0.0.1:50051", "worker-1:0", "[::1]:65535", "localhost:1"})
    EXPECT_TRUE(CheckAddress(good).ok()) << good << ": " << CheckAddress(good);
}

TEST(AddressTest, WhatWouldWrapAroundOrIsAUrlIsRefusedWithTheRule) {
  const std::pair<const char*, const char*> refused[] = {
      {"127.0.0.1:70000", "the port must be a number from 0 to 65535"},
      {"127.0.0.1:-1", "the port must be"},
      {"127.0.0.1:http", "the port must be"},
      {"127.0.0.1:", "the port must be"},
      {"http://127.0.0.1:50051", "without what a URL begins with"},
      {"worker-1", "it has no port"},
      {"[::1]", "it has no port"},
      {"[::1:50051", "it has no port"},
      {"::1:50051", "needs brackets: [::1]:50051"},
      {":50051", "it has no host"},
      {"host/path:50051", "it has no host"},
      {"", "it has no port"}};
  for (const auto& [address, rule] : refused) {
    const absl::Status status = CheckAddress(address);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_NE(std::string(status.message()).find(rule), std::string::npos) << status;
  }
}

}  // namespace
}  // namespace edgetp
