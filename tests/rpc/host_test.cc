// The address under which others reach a worker (common/rpc/host.h).
#include "common/rpc/host.h"

#include <gtest/gtest.h>

#include <utility>

#include "absl/status/status.h"
#include "common/base/clock.h"

namespace edgetp {
namespace {

// tests/integration/hosts_test.py has processes whose time namespaces differ.
TEST(ClockDomainTest, ProcessesOfAKernelAndATimeNamespaceShareAClock) {
  EXPECT_FALSE(ClockDomain().empty());
  EXPECT_EQ(ClockDomain().substr(0, BootId().size()), BootId());
  EXPECT_EQ(ClockDomain(), ClockDomain());
}

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

TEST(DialableTest, OthersNeedAHostAndAPort) {
  for (const char* good : {"10.0.0.2:4100", "worker:1", "[::1]:65535"})
    EXPECT_EQ(CheckDialable(good), absl::OkStatus()) << good;
  for (const char* bad : {"0.0.0.0:1", "[::]:1", "10.0.0.2:0", "10.0.0.2:65536", "10.0.0.2",
                          "10.0.0.2:", ":1", "10.0.0.2:-1", "10.0.0.2: 1"}) {
    EXPECT_EQ(CheckDialable(bad).code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(DialTcpTest, ARefusalIsUnavailableAndSaysWhy) {
  const absl::Status refused = DialTcp("127.0.0.1:1", MonotonicNow() + absl::Seconds(10));
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(refused.message(), "dial 127.0.0.1:1: Connection refused");
  EXPECT_EQ(DialTcp("nowhere.invalid:1", MonotonicNow() + absl::Seconds(10)).code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace edgetp
