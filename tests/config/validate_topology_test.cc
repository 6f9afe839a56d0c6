// The rules of a network that has a topology, and what a run makes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "common/config/defaults.h"
#include "common/config/link_flags.h"
#include "common/config/load.h"
#include "common/config/validate.h"
#include "common/network/network_profile.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

constexpr char kPair[] =
    "topology { hosts { name: 'a' } hosts { name: 'b' } switches { name: 's' } "
    "links { between: ['a', 's'] delay_us: 3000 rate_bits_per_second: 1e8 } "
    "links { between: ['s', 'b'] delay_us: 4000 } } ";

v1::NetworkProfile Parse(const std::string& text) {
  v1::NetworkProfile network;
  EXPECT_TRUE(ParseTextproto(text, "test", &network).ok()) << text;
  return network;
}

std::string Refused(const std::string& text, std::optional<int> world_size = std::nullopt) {
  return std::string(ValidateNetwork(Parse(text), world_size, "net").message());
}

TEST(ValidateTopologyTest, AFaultOfTheTopologyIsOneLine) {
  EXPECT_EQ(Refused(kPair, 2), "");
  EXPECT_EQ(Refused("topology { hosts { name: 'a' } hosts { name: 'b' } }"),
            "net: topology: links: no path from host \"a\" to host \"b\" (hosts do not forward)");
  EXPECT_THAT(Refused("topology { hosts { name: 'a' } links { between: ['a', 'x'] } }"),
              HasSubstr("net: topology: links[0].between: no host or switch is called \"x\""));
}

TEST(ValidateTopologyTest, EachWorkerNeedsAHost) {
  EXPECT_EQ(Refused(kPair, 1), "");
  EXPECT_EQ(Refused(kPair, 3), "net: topology.hosts: each of workers=3 needs a host (got 2)");
}

TEST(ValidateTopologyTest, AMediumAndAccessLinksAreSomethingElse) {
  EXPECT_THAT(Refused(std::string(kPair) + "hop: HOP_ACCESS"),
              HasSubstr("net: hop: must be HOP_DIRECT where there is a topology"));
  EXPECT_THAT(Refused(std::string(kPair) + "shared_medium: true link { rate_bits_per_second: 5 }"),
              HasSubstr("net: shared_medium: must be false where there is a topology"));
  EXPECT_THAT(Refused(std::string(kPair) + "interface_sharing: false"),
              HasSubstr("net: interface_sharing: must not be false where there is a topology"));
}

TEST(ValidateTopologyTest, AnEventsTopologyKeepsTheRulesToo) {
  const std::string other = "link {} events { at_seconds: 1 network { link {} ";
  EXPECT_EQ(Refused(other + kPair + "} }", 2), "");
  EXPECT_THAT(Refused(other + kPair + "} }", 3),
              HasSubstr("net: events[0].network.topology.hosts: each of workers=3"));
}

// What is looked at takes time that grows faster than the file.
TEST(ValidateTopologyTest, MoreThanCanBeLookedAtIsRefusedAtOnce) {
  v1::NetworkProfile network;
  for (int i = 0; i < 2000; ++i) {
    network.mutable_topology()->add_hosts();
    network.mutable_topology()->add_links();
  }
  EXPECT_THAT(std::string(ValidateNetwork(network, 4, "here").message()),
              HasSubstr("here: hosts times links of topologies: at most"));
}

// A default delay would be one that replaces those of all paths.
TEST(TopologyDefaultsTest, APathKeepsItsDelayWhereNobodySaysAnother) {
  v1::NetworkProfile network = Parse(kPair);
  FillDefaults(&network);
  EXPECT_EQ(ResolveNetwork(network, 2)->Link(0, 1).delay, absl::Milliseconds(7));
  EXPECT_EQ(ResolveNetwork(network, 2)->Link(0, 1).rate_bits_per_second, 1e8);
  ASSERT_TRUE(ApplyLinkFlags({.delay = "50ms", .loss = "1%"}, &network).ok());
  EXPECT_EQ(ResolveNetwork(network, 2)->Link(0, 1).delay, absl::Milliseconds(50));
  EXPECT_EQ(ResolveNetwork(network, 2)->Link(1, 0).loss, 0.01);
  EXPECT_EQ(ResolveNetwork(network, 2)->Link(1, 0).rate_bits_per_second, 1e8);
}

}  // namespace
}  // namespace edgetp
