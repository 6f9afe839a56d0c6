// Topologies: what hosts get between them, what they share, and what is refused.
#include "common/network/topology.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "common/network/link_model.h"
#include "common/network/network_profile.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

absl::Time At(double ms) { return absl::UnixEpoch() + absl::Nanoseconds(1e6 * ms); }
absl::Duration Ms(double ms) { return absl::Nanoseconds(1e6 * ms); }

v1::NetworkProfile Parse(const std::string& text) {
  v1::NetworkProfile profile;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &profile)) << text;
  return profile;
}

TopologyPaths Find(const std::string& topology) {
  return TopologyPaths::Find(Parse("topology { " + topology + " }").topology()).value();
}

std::string Refused(const std::string& topology) {
  const auto paths = TopologyPaths::Find(Parse("topology { " + topology + " }").topology());
  EXPECT_EQ(paths.status().code(), absl::StatusCode::kInvalidArgument) << topology;
  return std::string(paths.status().message());
}

NetworkOptions Resolve(const std::string& profile, int world_size) {
  return ResolveNetwork(Parse(profile), world_size).value();
}

std::vector<std::string> TrunksOf(const std::string& topology, int world_size) {
  return Resolve("topology { " + topology + " }", world_size).trunks;
}

// Host links of 1 ms and 8 Mb/s (1000 bytes take 1 ms), one of 5 ms and 8 Mb/s in the middle.
constexpr char kTwoSites[] = R"(
    hosts { name: "a0" } hosts { name: "a1" } hosts { name: "b0" } hosts { name: "b1" }
    switches { name: "a" } switches { name: "b" }
    links { between: ["a0", "a"] delay_us: 1000 rate_bits_per_second: 8e6 }
    links { between: ["a1", "a"] delay_us: 1000 rate_bits_per_second: 8e6 }
    links { between: ["b", "b0"] delay_us: 1000 rate_bits_per_second: 8e6 }
    links { between: ["b", "b1"] delay_us: 1000 rate_bits_per_second: 8e6 }
    links { between: ["a", "b"] delay_us: 5000 rate_bits_per_second: 8e6 })";

std::string TwoSites(const std::string& more = "") {
  return std::string("topology { ") + kTwoSites + " } " + more;
}

TEST(TopologyTest, APathHasTheSumOfDelaysAndTheLowestRate) {
  const TopologyPaths paths = Find(R"(
      hosts { name: "pi" } hosts { name: "nas" } switches { name: "attic" } switches { name: "cellar" }
      links { between: ["pi", "attic"] delay_us: 100 rate_bits_per_second: 1e8 }
      links { between: ["attic", "cellar"] delay_us: 30 }
      links { between: ["nas", "cellar"] delay_us: 7 rate_bits_per_second: 1e9 })");
  EXPECT_EQ(paths.Between(0, 1).delay, absl::Microseconds(137));
  EXPECT_EQ(paths.Between(1, 0).delay, absl::Microseconds(137));
  EXPECT_EQ(paths.Between(0, 1).rate_bits_per_second, 1e8);
  EXPECT_EQ(paths.InterfaceRate(1), 1e9);
  std::vector<std::string> names;
  for (const int link : paths.Between(1, 0).links) names.push_back(paths.LinkName(link));
  EXPECT_THAT(names, ElementsAre("nas>cellar", "cellar>attic", "attic>pi"));
}

TEST(TopologyTest, TheShortestDelayWinsThenTheFewestLinks) {
  const TopologyPaths paths = Find(R"(
      hosts { name: "a" } hosts { name: "b" }
      switches { name: "near" } switches { name: "far" } switches { name: "more" }
      links { between: ["a", "far"] delay_us: 10 } links { between: ["far", "b"] delay_us: 11 }
      links { between: ["a", "near"] delay_us: 10 } links { between: ["near", "more"] delay_us: 5 }
      links { between: ["more", "b"] delay_us: 5 } links { between: ["near", "b"] delay_us: 10 })");
  EXPECT_EQ(paths.Between(0, 1).delay, absl::Microseconds(20));
  EXPECT_EQ(paths.Between(0, 1).links.size(), 2u);
}

TEST(TopologyTest, HostsRunTheirRanksAndDoNotForward) {
  const TopologyPaths paths = Find(R"(
      hosts { name: "last" rank: 1 } hosts { name: "first" rank: 0 } switches { name: "s" }
      links { between: ["last", "s"] delay_us: 3 } links { between: ["s", "first"] })");
  EXPECT_EQ(paths.NodeName(0), "first");
  EXPECT_EQ(paths.LinkName(paths.Between(0, 1).links[0]), "first>s");
  EXPECT_EQ(Refused(R"(hosts { name: "a" } hosts { name: "b" } hosts { name: "c" }
                       links { between: ["a", "b"] } links { between: ["b", "c"] })"),
            "links: no path from host \"a\" to host \"c\" (hosts do not forward)");
}

TEST(TopologyTest, AFaultIsOneLineWithPlaceAndRule) {
  const std::string two = "hosts { name: 'pi' } hosts { name: 'nas' } ";
  EXPECT_EQ(Refused(""), "hosts: must be 1 to 256 (got 0)");
  EXPECT_EQ(Refused("hosts {}"), "hosts[0].name: must be set");
  EXPECT_EQ(Refused(two + "switches { name: 'pi' }"), "switches[0].name: there is another \"pi\"");
  EXPECT_THAT(
      Refused(two + "links { between: ['pi', 'nsa'] }"),
      HasSubstr("links[0].between: no host or switch is called \"nsa\"; did you mean \"nas\"?"));
  for (const char* link :
       {"", "between: 'pi'", "between: ['pi', 'pi']", "between: ['pi', 'nas', 'pi']"}) {
    EXPECT_THAT(Refused(two + "links { " + link + " }"),
                HasSubstr("links[0].between: must be two different names"))
        << link;
  }
  EXPECT_THAT(Refused(two + "links { between: ['pi', 'nas'] delay_us: -1 }"),
              HasSubstr("links[0].delay_us: must be 0 to an hour, in us (got -1)"));
  EXPECT_THAT(Refused(two + "links { between: ['pi', 'nas'] rate_bits_per_second: 0 }"),
              HasSubstr("links[0].rate_bits_per_second: must be a finite number above 0 (got 0"));
  EXPECT_THAT(Refused("hosts { name: 'a' rank: 1 } hosts { name: 'b' }"),
              HasSubstr("hosts[1].rank: each host needs a rank of its own, 0 to 1 (got 1)"));
  EXPECT_THAT(Refused("hosts { name: 'a' rank: -1 }"), HasSubstr("hosts[0].rank: each host needs"));
}

TEST(TopologyTest, ManyHostsAreCollapsedQuickly) {
  v1::Topology topology;
  topology.add_switches()->set_name("core");
  for (int i = 0; i < kMaxHosts; ++i) {
    topology.add_hosts()->set_name("h" + std::to_string(i));
    v1::Topology::Link* const link = topology.add_links();
    link->add_between("h" + std::to_string(i));
    link->add_between("core");
    link->set_delay_us(i);
  }
  const TopologyPaths paths = TopologyPaths::Find(topology).value();
  EXPECT_EQ(paths.Between(3, 200).delay, absl::Microseconds(203));
}

TEST(TrunkTest, WhatOneHostsInterfaceSerializesIsNoTrunk) {
  EXPECT_THAT(TrunksOf(kTwoSites, 4), ElementsAre("a>b", "b>a"));
  EXPECT_THAT(TrunksOf(kTwoSites, 2), IsEmpty());  // nobody is at the other site
  EXPECT_THAT(TrunksOf(kTwoSites, 3), IsEmpty());  // all of it begins or ends at b0
  const std::string home = R"(
      hosts { name: "x" } hosts { name: "y" } hosts { name: "z" }
      switches { name: "home" } switches { name: "net" }
      links { between: ["x", "home"] rate_bits_per_second: 1e9 }
      links { between: ["y", "net"] rate_bits_per_second: 1e9 }
      links { between: ["z", "net"] rate_bits_per_second: 1e9 })";
  EXPECT_THAT(TrunksOf(home + "links { between: ['home', 'net'] rate_bits_per_second: 1e9 }", 3),
              IsEmpty());
  EXPECT_THAT(TrunksOf(home + "links { between: ['home', 'net'] rate_bits_per_second: 1e8 }", 3),
              ElementsAre("home>net", "net>home"));
  EXPECT_THAT(TrunksOf(home + "links { between: ['home', 'net'] }", 3), IsEmpty());
}

TEST(TrunkTest, EachLinkHasTheTrunksOfItsWay) {
  const NetworkOptions network = Resolve(TwoSites(), 4);
  EXPECT_THAT(network.Link(0, 1).trunks, IsEmpty());
  ASSERT_EQ(network.Link(1, 2).trunks.size(), 1u);
  EXPECT_EQ(network.Link(1, 2).trunks[0].trunk, 0);
  EXPECT_EQ(network.Link(1, 2).trunks[0].offset, Ms(1));
  EXPECT_EQ(network.Link(2, 1).trunks[0].trunk, 1);
  EXPECT_EQ(network.Link(1, 2).delay, Ms(7));
  EXPECT_TRUE(network.SendersShare());
  EXPECT_FALSE(network.Unlimited());
}

// A piece of 1000 bytes takes 1 ms of each link that it passes, all at the same time, and 7 ms of
// delay. Two that pass the middle together take it one after the other.
TEST(TrunkTest, TwoPairsOverOneLinkTakeTwiceAsLong) {
  LinkModel model(4, Resolve(TwoSites(), 4), 1);
  const auto deliver = [&model](double ms, int source, int destination) {
    return model.Arrive(source, destination, model.Depart(At(ms), source, destination, 1000, {}));
  };
  EXPECT_EQ(deliver(0, 0, 2), At(8));
  EXPECT_EQ(deliver(0, 1, 3), At(9));
  EXPECT_EQ(deliver(0, 2, 0), At(8));  // the other direction has a queue of its own
  EXPECT_EQ(deliver(0, 3, 2), At(9)) << "inside: 2 ms, behind what b0 receives until 8";
  EXPECT_EQ(deliver(100, 0, 2), At(108));
}

TEST(TrunkTest, WaitingInsideIsQueueingAndHoldsTheSenderBackNotAtAll) {
  LinkModel model(4, Resolve(TwoSites(), 4), 1);
  model.Depart(At(0), 0, 2, 3000, {});
  const Departure departure = model.Depart(At(0), 1, 3, 1000, {});
  EXPECT_EQ(departure.egress_start, At(3));
  EXPECT_EQ(departure.first_bit, At(10));
  EXPECT_EQ(departure.last_bit, At(11));
  EXPECT_EQ(departure.jitter, Ms(0));
  EXPECT_EQ(model.Depart(At(0), 1, 0, 1000, {}).egress_start, At(1)) << "its interface was free";
}

TEST(TrunkTest, AnArbitersAnswerTakesThePlaceOfTheModels) {
  LinkModel model(4, Resolve(TwoSites(), 4), 1);
  const std::vector<TrunkPassage> passages = model.PassagesOf(0, 2, 2000);
  ASSERT_EQ(passages.size(), 1u);
  EXPECT_EQ(passages[0].offset, Ms(1));
  EXPECT_EQ(passages[0].airtime, Ms(2));
  EXPECT_THAT(model.PassagesOf(0, 1, 2000), IsEmpty());
  const LinkModel::Egress egress = model.Leave(At(4), 0, 2, 2000);
  EXPECT_EQ(egress.start, At(4));
  EXPECT_EQ(egress.end, At(6));
  const Departure departure = model.Fly(egress, 0, 2, 2000, {}, Ms(5));
  EXPECT_EQ(departure.first_bit, At(16));
  EXPECT_EQ(departure.last_bit, At(18));
  EXPECT_EQ(model.Depart(At(4), 0, 1, 1000, {}).egress_start, At(6)) << "it did not wait at home";
}

// A trunk of three times the hosts' rate has room for three at once.
TEST(TrunkTest, WhoSendsMoreSlowlyThanATrunkLeavesRoomForOthers) {
  Trunks trunks;
  const std::vector<TrunkPassage> passage = {{0, Ms(1), Ms(2)}};
  for (int sender = 0; sender < 3; ++sender) EXPECT_EQ(trunks.Pass(At(0), Ms(6), passage), Ms(0));
  EXPECT_EQ(trunks.Pass(At(0), Ms(6), passage), Ms(2));
}

TEST(TrunkTest, OfTwoTrunksInARowEachIsWaitedFor) {
  Trunks trunks;
  const std::vector<TrunkPassage> first = {{0, Ms(1), Ms(4)}};
  const std::vector<TrunkPassage> second = {{1, Ms(2), Ms(4)}};
  const std::vector<TrunkPassage> both = {{0, Ms(1), Ms(3)}, {1, Ms(2), Ms(3)}};
  EXPECT_EQ(trunks.Pass(At(0), Ms(4), first), Ms(0));   // on 0 from 1 to 5
  EXPECT_EQ(trunks.Pass(At(4), Ms(4), second), Ms(0));  // on 1 from 6 to 10
  EXPECT_EQ(trunks.Pass(At(0), Ms(3), both),
            Ms(8));  // on 0 at 5 instead of 1, on 1 at 10 instead of 6
  trunks.Clear();
  EXPECT_EQ(trunks.Pass(At(0), Ms(3), both), Ms(0));
}

TEST(TopologyLinksTest, TheProfilesLinkAndOverridesReplaceFieldsOfThePaths) {
  const NetworkOptions network = Resolve(
      TwoSites(
          "link { loss: 0.01 header_share: 1.5 } "
          "overrides { source: 0 destination: 2 link { delay_us: 500 rate_bits_per_second: 9e9 } } "
          "overrides { source: 1 destination: 0 link { rate_bits_per_second: 1e6 } }"),
      4);
  EXPECT_EQ(network.Link(0, 1).loss, 0.01);
  EXPECT_EQ(network.Link(0, 1).header_share, 1.5);
  EXPECT_EQ(network.Link(0, 1).delay, Ms(2));
  EXPECT_EQ(network.Link(1, 0).rate_bits_per_second, 1e6);
  EXPECT_EQ(network.Link(0, 2).delay, Ms(0.5));
  EXPECT_EQ(network.Link(0, 2).rate_bits_per_second, 8e6) << "a trunk is as fast as it is";
  EXPECT_EQ(network.Link(0, 2).trunks[0].offset, Ms(0.5));
  LinkModel model(4, network, 1);
  EXPECT_EQ(model.PassagesOf(1, 2, 1000)[0].airtime, Ms(1.5)) << "headers pass trunks, too";
}

TEST(TopologyLinksTest, EachRankNeedsAHost) {
  EXPECT_EQ(ResolveNetwork(Parse(TwoSites()), 5).status().message(),
            "network profile: topology: each rank needs a host (hosts=4 world_size=5)");
}

TEST(TopologyLinksTest, AnotherTopologyBeginsWithEmptyTrunks) {
  LinkModel model(4, Resolve(TwoSites(), 4), 1);
  model.Depart(At(0), 0, 2, 9000, {});
  model.SetNetwork(Resolve(TwoSites("link { loss: 0 }"), 4));
  EXPECT_EQ(model.Depart(At(0), 1, 3, 1000, {}).egress_start, At(9))
      << "the same: queued stays queued";
  model.SetNetwork(NetworkOptions());
  model.SetNetwork(Resolve(TwoSites(), 4));
  EXPECT_EQ(model.Depart(At(1), 1, 3, 1000, {}).egress_start, At(1));
}

}  // namespace
}  // namespace edgetp
