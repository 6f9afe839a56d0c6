// Link options of a command line (common/config/link_flags.h).
#include "common/config/link_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/config/load.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

TEST(LinkFlagsTest, FlagsReplaceTheProfilesValues) {
  v1::NetworkProfile network;
  v1::LinkConfig& link = *network.mutable_link();
  link.set_ingress_rate_bits_per_second(5);
  ASSERT_TRUE(
      ApplyLinkFlags({.delay = "50ms", .jitter = "5ms", .rate = "20mbit", .loss = "1%"}, &network)
          .ok());
  EXPECT_EQ(link.delay_us(), 50'000);
  EXPECT_EQ(link.jitter_us(), 5'000);
  EXPECT_EQ(link.rate_bits_per_second(), 20e6);
  EXPECT_FALSE(link.has_ingress_rate_bits_per_second());
  EXPECT_DOUBLE_EQ(link.loss(), 0.01);
  ASSERT_TRUE(ApplyLinkFlags({.rate = "unlimited"}, &network).ok());
  EXPECT_FALSE(link.has_rate_bits_per_second());
}

TEST(LinkFlagsTest, ATableOfQuantilesStaysPossible) {
  v1::NetworkProfile network;
  v1::LinkConfig& link = *network.mutable_link();
  ASSERT_TRUE(
      ParseTextproto(
          "delay_us: 5000 distribution: DISTRIBUTION_QUANTILES "
          "quantiles { probability: 0 jitter_us: -5000 } quantiles { probability: 1 jitter_us: 9 }",
          "test", &link)
          .ok());
  ASSERT_TRUE(ApplyLinkFlags({.delay = "1ms"}, &network).ok());
  EXPECT_EQ(link.quantiles(0).jitter_us(), -1000);
  ASSERT_TRUE(ApplyLinkFlags({.jitter = "2ms"}, &network).ok());
  EXPECT_EQ(link.quantiles_size(), 0);
  EXPECT_EQ(link.distribution(), v1::LinkConfig::DISTRIBUTION_NORMAL);
}

TEST(LinkFlagsTest, ABadFlagIsNamedAndChangesNothing) {
  v1::NetworkProfile network;
  const absl::Status status = ApplyLinkFlags({.delay = "5ms", .rate = "fast"}, &network);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--rate: rate \"fast\""));
  EXPECT_FALSE(network.link().has_delay_us());
  EXPECT_FALSE(network.has_name());
}

TEST(LinkFlagsTest, ANetworkUnderLinkFlagsIsNamedByThem) {
  v1::NetworkProfile network = UnlimitedNetwork();
  ASSERT_TRUE(ApplyLinkFlags({.delay = "0.2s", .rate = "1000kbit"}, &network).ok());
  EXPECT_EQ(network.name(), "none+delay200ms+rate1mbit");
  network.set_name("wifi-5");
  ASSERT_TRUE(ApplyLinkFlags({}, &network).ok());
  EXPECT_EQ(network.name(), "wifi-5");
  ASSERT_TRUE(
      ApplyLinkFlags({.jitter = "1500us", .rate = "unlimited", .loss = "0.5%"}, &network).ok());
  EXPECT_EQ(network.name(), "wifi-5+jitter1.5ms+rateunlimited+loss0.5pct");
}

TEST(LinkFlagsTest, ALinkIsTwoDifferentRanks) {
  v1::LinkOverride link;
  ASSERT_TRUE(ParseLinkName("0:3", &link).ok());
  EXPECT_EQ(link.source(), 0);
  EXPECT_EQ(link.destination(), 3);
  for (const char* bad : {"", "0", "0:0", "a:b", "0:1:2", "-1:0", "*", "*:*", "-2:1", "*:"}) {
    v1::LinkOverride none;
    EXPECT_FALSE(ParseLinkName(bad, &none).ok()) << bad;
  }
}

TEST(LinkFlagsTest, AllLinksOfOneRankAreNamedByAStar) {
  v1::LinkOverride from;
  ASSERT_TRUE(ParseLinkName("2:*", &from).ok());
  EXPECT_EQ(from.source(), 2);
  EXPECT_FALSE(from.has_destination());
  v1::LinkOverride to;
  ASSERT_TRUE(ParseLinkName("*:1", &to).ok());
  EXPECT_EQ(to.destination(), 1);
  EXPECT_FALSE(to.has_source());
}

}  // namespace
}  // namespace edgetp
