// What `edgetp network show` says of a topology.
#include "cli/shared/topology_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "cli/shared/network_table.h"
#include "common/config/load.h"

namespace edgetp {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

v1::NetworkProfile Shipped(const std::string& name) {
  return ConfigLibrary({EDGETP_SOURCE_DIR "/configs"}).Network(name).value();
}

v1::NetworkProfile Star(int hosts) {
  v1::NetworkProfile profile;
  v1::Topology& topology = *profile.mutable_topology();
  topology.add_switches()->set_name("core");
  for (int i = 0; i < hosts; ++i) {
    topology.add_hosts()->set_name("h" + std::to_string(i));
    v1::Topology::Link* const link = topology.add_links();
    link->add_between("core");
    link->add_between("h" + std::to_string(i));
  }
  return profile;
}

TEST(TopologyTableTest, EachPairHasItsPathItsLinkAndWhatItShares) {
  const std::string table = TopologyTable(Shipped("two-sites"));
  EXPECT_THAT(table, ContainsRegex("0 - 1 +here-0 - here-1 +here +100 us +941 Mbit/s"));
  EXPECT_THAT(table, ContainsRegex(
                         "1 - 2 +here-1 - there-0 +here, there +10.1 ms +100 Mbit/s +here>there"));
  EXPECT_THAT(
      NetworkTable(Shipped("two-sites")),
      AllOf(HasSubstr("a topology of 4 hosts, 2 switches, 5 links"),
            HasSubstr("delay 100 us to 10.1 ms, rate 100 Mbit/s to 941 Mbit/s"), HasSubstr(table)));
}

TEST(TopologyTableTest, DirectionsThatDifferHaveARowEach) {
  v1::NetworkProfile profile = Star(2);
  v1::LinkOverride* const slow = profile.add_overrides();
  slow->set_source(1);
  slow->set_destination(0);
  slow->mutable_link()->set_rate_bits_per_second(1e6);
  const std::string table = TopologyTable(profile);
  EXPECT_THAT(table, ContainsRegex("0 > 1 +h0 > h1 +core +0 s +unlimited"));
  EXPECT_THAT(table, ContainsRegex("1 > 0 +h1 > h0 +core +0 s +1 Mbit/s"));
}

TEST(TopologyTableTest, WhatIsLeftOutOfManyPairsIsSaid) {
  EXPECT_THAT(TopologyTable(Star(40)), HasSubstr("... and 716 more pairs of hosts"));
  EXPECT_EQ(TopologyTable(Star(1)), "");
  EXPECT_EQ(TopologyTable(v1::NetworkProfile()), "");
}

TEST(TopologyTableTest, AWrongTopologySaysItsRule) {
  v1::NetworkProfile profile = Star(2);
  profile.mutable_topology()->mutable_links()->RemoveLast();
  EXPECT_THAT(DescribeHostPaths(profile), HasSubstr("no path from host \"h0\" to host \"h1\""));
}

}  // namespace
}  // namespace edgetp
