// Changes to a network and the names that they make (common/config/network_patch.h).
#include "common/config/network_patch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/config/load.h"
#include "common/config/validate.h"
#include "common/network/network_profile.h"

namespace edgetp {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

v1::NetworkPatch Patch(const std::string& text) {
  v1::NetworkPatch patch;
  EXPECT_TRUE(ParseTextproto(text, "test", &patch).ok()) << text;
  return patch;
}

v1::NetworkProfile Patched(const std::string& profile, const std::vector<std::string>& patches) {
  v1::NetworkProfile network;
  EXPECT_TRUE(ParseTextproto(profile, "test", &network).ok()) << profile;
  for (const std::string& patch : patches) ApplyPatch(Patch(patch), &network);
  EXPECT_EQ(ValidateNetwork(network, 4, "test"), absl::OkStatus());
  return network;
}

LinkOptions LinkOf(const v1::NetworkProfile& network, int source, int destination) {
  return ResolveNetwork(network, 4)->Link(source, destination);
}

TEST(NetworkPatchTest, APatchWithoutRanksChangesEveryLink) {
  const v1::NetworkProfile network =
      Patched("link { delay_us: 1 loss: 0.1 } overrides { source: 0 link { delay_us: 2 } }",
              {"links { link { delay_us: 50000 } }"});
  EXPECT_EQ(LinkOf(network, 0, 1).delay, absl::Milliseconds(50));
  EXPECT_EQ(LinkOf(network, 1, 0).delay, absl::Milliseconds(50));
  EXPECT_EQ(LinkOf(network, 0, 1).loss, 0.1);
}

TEST(NetworkPatchTest, APatchOfOneLinkLeavesTheOthersAndItsOtherFieldsAlone) {
  const v1::NetworkProfile network =
      Patched("link { delay_us: 1 } overrides { source: 0 link { loss: 0.1 } }",
              {"links { source: 0 destination: 1 link { delay_us: 50000 } }"});
  EXPECT_EQ(LinkOf(network, 0, 1).delay, absl::Milliseconds(50));
  EXPECT_EQ(LinkOf(network, 0, 1).loss, 0.1);
  EXPECT_EQ(LinkOf(network, 0, 2).delay, absl::Microseconds(1));
}

TEST(NetworkPatchTest, TheSameLinkAgainIsOneOverride) {
  const v1::NetworkProfile network =
      Patched("link {}", {"links { source: 0 destination: 1 link { delay_us: 5 } }",
                          "links { source: 0 destination: 1 link { delay_us: 7 loss: 0.1 } }"});
  EXPECT_EQ(network.overrides_size(), 1);
  EXPECT_EQ(LinkOf(network, 0, 1).delay, absl::Microseconds(7));
}

TEST(NetworkPatchTest, AnInfiniteRateIsNoLimitWhateverTheDefaultLinkHas) {
  const std::string unlimited =
      "links { source: 0 destination: 1 link { rate_bits_per_second: inf } }";
  const std::string delay = "links { source: 0 destination: 1 link { delay_us: 5 } }";
  const v1::NetworkProfile network = Patched(
      "link { rate_bits_per_second: 1e6 ingress_rate_bits_per_second: 2e6 }", {unlimited, delay});
  EXPECT_EQ(LinkOf(network, 0, 1).rate_bits_per_second, 0);
  EXPECT_EQ(LinkOf(network, 0, 1).ingress_rate_bits_per_second, 0);
  EXPECT_EQ(LinkOf(network, 1, 0).rate_bits_per_second, 1e6);
  const v1::NetworkProfile all = Patched(
      "link { rate_bits_per_second: 1e6 } overrides { source: 0 link { rate_bits_per_second: 5 } }",
      {"links { link { rate_bits_per_second: inf } }"});
  EXPECT_TRUE(ResolveNetwork(all, 4)->Unlimited());
}

TEST(NetworkPatchTest, ATableOfJittersStaysPossibleOnOneLink) {
  const std::string table =
      "link { delay_us: 5000 distribution: DISTRIBUTION_QUANTILES "
      "quantiles { probability: 0 jitter_us: -5000 } quantiles { probability: 1 jitter_us: 9 } }";
  const v1::NetworkProfile sooner =
      Patched(table, {"links { source: 0 destination: 1 link { delay_us: 1000 } }"});
  EXPECT_EQ(LinkOf(sooner, 0, 1).quantiles[0].jitter, -absl::Milliseconds(1));
  EXPECT_EQ(LinkOf(sooner, 1, 0).quantiles[0].jitter, -absl::Milliseconds(5));
  const v1::NetworkProfile normal =
      Patched(table, {"links { source: 0 destination: 1 link { jitter_us: 7 } }"});
  EXPECT_EQ(LinkOf(normal, 0, 1).distribution, JitterDistribution::kNormal);
  EXPECT_EQ(LinkOf(normal, 1, 0).distribution, JitterDistribution::kQuantiles);
}

TEST(NetworkPatchTest, APartitionIsReplacedAndHealed) {
  const std::string apart = "partition { ranks: 0 } partition { ranks: [1, 2] }";
  EXPECT_EQ(Patched("name: 'lte' link {}", {apart}).partition_size(), 2);
  EXPECT_EQ(Patched("name: 'lte' link {}", {apart}).name(), "lte+partition0-1.2");
  const v1::NetworkProfile healed = Patched("name: 'lte' link {}", {apart, "heal: true"});
  EXPECT_EQ(healed.partition_size(), 0);
  EXPECT_EQ(healed.name(), "lte");
}

TEST(NetworkPatchTest, ALaterChangeOfTheSameThingTakesItsPlaceInTheName) {
  const auto name = [](const std::vector<std::string>& patches) {
    return Patched("name: 'none' link {}", patches).name();
  };
  const std::string delay50 = "links { link { delay_us: 50000 } }";
  const std::string one200 = "links { source: 0 destination: 1 link { delay_us: 200000 } }";
  const std::string loss = "links { destination: 1 link { loss: 0.01 } }";
  EXPECT_EQ(name({delay50, "links { link { delay_us: 20000 } }"}), "none+delay20ms");
  EXPECT_EQ(name({delay50, one200}), "none+delay50ms+0to1-delay200ms");
  EXPECT_EQ(name({one200, loss, delay50}), "none+allto1-loss1pct+delay50ms");
}

TEST(NetworkPatchTest, NamesStayShortAndTellLongOnesApart) {
  v1::NetworkPatch patch;
  for (int rank = 1; rank < 100; ++rank) {
    v1::LinkOverride* const link = patch.add_links();
    link->set_source(0);
    link->set_destination(rank);
    link->mutable_link()->set_delay_us(rank);
  }
  const std::string name = PatchedName("none", patch);
  EXPECT_THAT(name, AllOf(HasSubstr("none+changes"), Not(HasSubstr("0to1-"))));
  patch.mutable_links(50)->mutable_link()->set_delay_us(1);
  EXPECT_NE(PatchedName("none", patch), name);
}

TEST(NetworkPatchTest, NoChangeLeavesTheName) {
  const std::string name = absl::StrCat(std::string(300, 'n'), "+x");
  EXPECT_EQ(PatchedName(name, {}), name);
}

}  // namespace
}  // namespace edgetp
