// The rules of what a link may have beside delay, jitter, rate and loss, and the words for it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/config/link_flags.h"
#include "common/config/load.h"
#include "common/config/network_patch.h"
#include "common/config/validate.h"
#include "common/network/network_profile.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

v1::NetworkProfile Parse(const std::string& text) {
  v1::NetworkProfile network;
  EXPECT_TRUE(ParseTextproto(text, "test", &network).ok()) << text;
  return network;
}

std::string Refused(const std::string& text) {
  return std::string(ValidateNetwork(Parse(text), 4, "net").message());
}

TEST(ValidateLinkTest, HeadersAddAndAWindowHoldsSomething) {
  EXPECT_EQ(Refused("link { header_share: 1.062 window_bytes: 65536 }"), "");
  EXPECT_THAT(Refused("link { header_share: 0.9 }"),
              HasSubstr("net: link.header_share: must be in [1, 84] (got 0.9)"));
  EXPECT_THAT(Refused("link { header_share: nan }"), HasSubstr("net: link.header_share: must be"));
  EXPECT_THAT(Refused("link { window_bytes: 0 }"),
              HasSubstr("net: link.window_bytes: must be a finite number above 0 (got 0 bytes)"));
  EXPECT_THAT(Refused("link {} overrides { source: 0 link { header_share: 0 } }"),
              HasSubstr("net: overrides[0].link.header_share: must be in"));
}

TEST(LinkLimitFlagsTest, TheyChangeTheProfileAndItsName) {
  v1::NetworkProfile network = Parse("name: 'lan' link { delay_us: 5 }");
  ASSERT_TRUE(ApplyLinkFlags({.header_share = "1.062", .window = "64KiB"}, &network).ok());
  EXPECT_EQ(network.link().header_share(), 1.062);
  EXPECT_EQ(network.link().window_bytes(), 65536);
  EXPECT_EQ(network.name(), "lan+headers1.062+window64kib");
  ASSERT_TRUE(ApplyLinkFlags({.window = "unlimited"}, &network).ok());
  EXPECT_FALSE(network.link().has_window_bytes());
  EXPECT_EQ(network.name(), "lan+headers1.062+windowunlimited");
}

TEST(LinkLimitFlagsTest, ABadOneIsNamedWithItsRule) {
  const auto refused = [](const LinkFlags& flags) {
    return std::string(ParseLinkFlags(flags).status().message());
  };
  for (const char* bad : {"0.9", "6%", "", "nan", "inf"}) {
    EXPECT_THAT(refused({.header_share = bad}),
                HasSubstr("bytes that travel for each byte of payload, in [1, 84]"))
        << bad;
  }
  EXPECT_THAT(refused({.header_share = "x"}), HasSubstr("--header_share: \"x\""));
  EXPECT_THAT(refused({.window = "0"}), HasSubstr("--window: \"0\": must be at least a byte"));
}

// An override can lift a limit, whatever the default link has, and again after other changes.
TEST(LinkLimitPatchTest, AnInfiniteWindowIsNoLimit) {
  v1::NetworkProfile network = Parse("link { delay_us: 5 window_bytes: 100 }");
  for (const char* patch : {"links { source: 0 destination: 1 link { window_bytes: inf } }",
                            "links { source: 0 destination: 1 link { delay_us: 7 } }"}) {
    v1::NetworkPatch change;
    ASSERT_TRUE(ParseTextproto(patch, "test", &change).ok());
    ApplyPatch(change, &network);
  }
  EXPECT_EQ(ValidateNetwork(network, 4, "test"), absl::OkStatus());
  EXPECT_EQ(ResolveNetwork(network, 4)->Link(0, 1).window_bytes, 0);
  EXPECT_EQ(ResolveNetwork(network, 4)->Link(1, 0).window_bytes, 100);
}

}  // namespace
}  // namespace edgetp
