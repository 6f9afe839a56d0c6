#include "common/network/network_profile.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace edgetp {
namespace {

v1::NetworkProfile Parse(const std::string& text) {
  v1::NetworkProfile profile;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &profile));
  return profile;
}

NetworkOptions Resolve(const std::string& text, int world_size = 4) {
  return ResolveNetwork(Parse(text), world_size).value();
}

TEST(ResolveNetworkTest, AnEmptyProfileIsUnlimited) {
  EXPECT_TRUE(Resolve("").Unlimited());
  EXPECT_TRUE(Resolve("").interface_sharing);
}

TEST(ResolveNetworkTest, TakesEveryFieldOfALink) {
  const LinkOptions link =
      Resolve(R"(link { delay_us: 3000 jitter_us: 500 distribution: DISTRIBUTION_PARETO
                                             correlation: 0.25 loss: 0.01 rate_bits_per_second: 5e7
                                             ingress_rate_bits_per_second: 1e8 })")
          .link;
  EXPECT_EQ(link.delay, absl::Milliseconds(3));
  EXPECT_EQ(link.jitter, absl::Microseconds(500));
  EXPECT_EQ(link.distribution, JitterDistribution::kPareto);
  EXPECT_EQ(link.correlation, 0.25);
  EXPECT_EQ(link.loss, 0.01);
  EXPECT_EQ(link.rate_bits_per_second, 5e7);
  EXPECT_EQ(link.ingress_rate_bits_per_second, 1e8);
}

TEST(ResolveNetworkTest, JitterIsNormalUnlessSaidOtherwise) {
  EXPECT_EQ(Resolve("link { jitter_us: 1 }").link.distribution, JitterDistribution::kNormal);
}

TEST(ResolveNetworkTest, AnOverrideReplacesOnlyItsPresentFields) {
  const NetworkOptions network = Resolve(R"(link { delay_us: 1000 rate_bits_per_second: 1e6 }
                                            overrides { source: 0 destination: 1 link { delay_us: 0 } })");
  EXPECT_EQ(network.Link(0, 1).delay, absl::ZeroDuration());
  EXPECT_EQ(network.Link(0, 1).rate_bits_per_second, 1e6);
  EXPECT_EQ(network.Link(1, 0).delay, absl::Milliseconds(1));
}

TEST(ResolveNetworkTest, AnAbsentEndMeansAnyRank) {
  const NetworkOptions network = Resolve("overrides { source: 2 link { delay_us: 7 } }");
  EXPECT_EQ(network.Link(2, 0).delay, absl::Microseconds(7));
  EXPECT_EQ(network.Link(2, 3).delay, absl::Microseconds(7));
  EXPECT_EQ(network.Link(0, 2).delay, absl::ZeroDuration());
}

TEST(ResolveNetworkTest, LaterOverridesWin) {
  const NetworkOptions network = Resolve(R"(overrides { link { delay_us: 7 loss: 0.5 } }
                                            overrides { destination: 1 link { delay_us: 9 } })");
  EXPECT_EQ(network.Link(0, 1).delay, absl::Microseconds(9));
  EXPECT_EQ(network.Link(0, 1).loss, 0.5);
  EXPECT_EQ(network.Link(0, 2).delay, absl::Microseconds(7));
}

TEST(ResolveNetworkTest, AnOverridesQuantilesReplaceTheDefaultTable) {
  const NetworkOptions network = Resolve(R"(
      link { distribution: DISTRIBUTION_QUANTILES quantiles { probability: 0.5 jitter_us: 1 }
             quantiles { probability: 1 jitter_us: 2 } }
      overrides { source: 0 link { quantiles { probability: 0.1 jitter_us: 3 } } })");
  EXPECT_EQ(network.Link(1, 0).quantiles.size(), 2u);
  ASSERT_EQ(network.Link(0, 1).quantiles.size(), 1u);
  EXPECT_EQ(network.Link(0, 1).quantiles[0].jitter, absl::Microseconds(3));
}

TEST(ResolveNetworkTest, RanksInNoGroupReachOneAnotherOnly) {
  const NetworkOptions network = Resolve("partition { ranks: 1 }");
  EXPECT_FALSE(network.Connected(0, 1));
  EXPECT_FALSE(network.Connected(1, 3));
  EXPECT_TRUE(network.Connected(0, 3));
  EXPECT_FALSE(network.Unlimited());
}

void ExpectRejected(const std::string& text, const std::string& message) {
  const auto network = ResolveNetwork(Parse(text), 4);
  EXPECT_EQ(network.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(network.status().message()).find(message), std::string::npos)
      << network.status();
}

TEST(ResolveNetworkTest, RanksOutsideTheWorldAreRejectedByField) {
  ExpectRejected("overrides { link {} } overrides { source: 4 }",
                 "overrides[1].source: no such rank (rank=4");
  ExpectRejected("overrides { destination: -1 }",
                 "overrides[0].destination: no such rank (rank=-1");
  ExpectRejected("partition { ranks: 9 }", "partition[0].ranks: no such rank (rank=9");
}

TEST(ResolveNetworkTest, ARankInTwoGroupsIsRejected) {
  ExpectRejected("partition { ranks: 1 } partition { ranks: 1 }",
                 "partition[1].ranks: a rank is in two groups");
}

TEST(NetworkProfileTest, ARateAndATraceTakeEachOthersPlace) {
  const NetworkOptions network = Resolve(R"(link { trace_ms: [1, 2] }
      overrides { source: 0 destination: 1 link { rate_bits_per_second: 5e6 } }
      overrides { source: 0 destination: 2 link { delay_us: 7 } }
      overrides { source: 0 destination: 3 link { trace_ms: [3] } })");
  EXPECT_EQ(network.link.trace->MeanBitsPerSecond(), 12e6);
  EXPECT_EQ(network.Link(0, 1).trace, nullptr);
  EXPECT_EQ(network.Link(0, 1).rate_bits_per_second, 5e6);
  EXPECT_EQ(network.Link(0, 2).trace->MeanBitsPerSecond(), 12e6);
  EXPECT_EQ(network.Link(0, 3).trace->MeanBitsPerSecond(), 4e6);
  EXPECT_TRUE(network.FollowsTrace());
  EXPECT_FALSE(network.Unlimited());
}

}  // namespace
}  // namespace edgetp
