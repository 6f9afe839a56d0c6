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
  v1::LinkConfig link;
  link.set_ingress_rate_bits_per_second(5);
  ASSERT_TRUE(
      ApplyLinkFlags({.delay = "50ms", .jitter = "5ms", .rate = "20mbit", .loss = "1%"}, &link)
          .ok());
  EXPECT_EQ(link.delay_us(), 50'000);
  EXPECT_EQ(link.jitter_us(), 5'000);
  EXPECT_EQ(link.rate_bits_per_second(), 20e6);
  EXPECT_FALSE(link.has_ingress_rate_bits_per_second());
  EXPECT_DOUBLE_EQ(link.loss(), 0.01);
  ASSERT_TRUE(ApplyLinkFlags({.rate = "unlimited"}, &link).ok());
  EXPECT_FALSE(link.has_rate_bits_per_second());
}

TEST(LinkFlagsTest, ATableOfQuantilesStaysPossible) {
  v1::LinkConfig link;
  ASSERT_TRUE(
      ParseTextproto(
          "delay_us: 5000 distribution: DISTRIBUTION_QUANTILES "
          "quantiles { probability: 0 jitter_us: -5000 } quantiles { probability: 1 jitter_us: 9 }",
          "test", &link)
          .ok());
  ASSERT_TRUE(ApplyLinkFlags({.delay = "1ms"}, &link).ok());
  EXPECT_EQ(link.quantiles(0).jitter_us(), -1000);
  ASSERT_TRUE(ApplyLinkFlags({.jitter = "2ms"}, &link).ok());
  EXPECT_EQ(link.quantiles_size(), 0);
  EXPECT_EQ(link.distribution(), v1::LinkConfig::DISTRIBUTION_NORMAL);
}

TEST(LinkFlagsTest, ABadFlagIsNamedAndChangesNothing) {
  v1::LinkConfig link;
  const absl::Status status = ApplyLinkFlags({.delay = "5ms", .rate = "fast"}, &link);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--rate: rate \"fast\""));
  EXPECT_FALSE(link.has_delay_us());
}

TEST(LinkFlagsTest, ALinkIsTwoDifferentRanks) {
  int source = 0;
  int destination = 0;
  ASSERT_TRUE(ParseLinkName("0:3", &source, &destination).ok());
  EXPECT_EQ(destination, 3);
  for (const char* bad : {"", "0", "0:0", "a:b", "0:1:2", "-1:0"}) {
    EXPECT_FALSE(ParseLinkName(bad, &source, &destination).ok()) << bad;
  }
}

}  // namespace
}  // namespace edgetp
