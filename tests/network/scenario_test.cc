#include "common/network/scenario.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

namespace edgetp {
namespace {

using ::testing::ElementsAre;

std::vector<NetworkState> Unroll(const std::string& text) {
  v1::NetworkProfile profile;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &profile));
  return UnrollNetwork(profile);
}

std::vector<std::string> Names(const std::vector<NetworkState>& states) {
  std::vector<std::string> names;
  for (const NetworkState& state : states) names.push_back(state.network.name());
  return names;
}

TEST(UnrollNetworkTest, AProfileWithoutEventsIsItsOnlyState) {
  const auto states = Unroll("name: 'lte' link { delay_us: 5 }");
  ASSERT_EQ(states.size(), 1u);
  EXPECT_EQ(states[0].at, absl::ZeroDuration());
  EXPECT_EQ(states[0].network.link().delay_us(), 5);
}

TEST(UnrollNetworkTest, StatesAreNamedAfterTimeAndOrigin) {
  const auto states = Unroll(R"(name: 'way' link {} repeat_seconds: 90
      events { at_seconds: 20 network { name: 'lte' link { delay_us: 7 } } }
      events { at_seconds: 30.5 change { source: 0 destination: 1 link { delay_us: 9 } } }
      events { at_seconds: 31 change { destination: 1 link { delay_us: 8 } } }
      events { at_seconds: 32 change { link { delay_us: 8 } } }
      events { at_seconds: 40 partition { groups { ranks: 0 } } }
      events { at_seconds: 50 restore {} })");
  EXPECT_THAT(Names(states),
              ElementsAre("way", "way@20s:lte", "way@30.5s:link 0:1", "way@31s:link *:1",
                          "way@32s:links", "way@40s:partition", "way"));
  EXPECT_EQ(states[2].at, absl::Milliseconds(30500));
  for (const NetworkState& state : states) {
    EXPECT_EQ(state.network.events_size(), 0);
    EXPECT_FALSE(state.network.has_repeat_seconds());
  }
}

TEST(UnrollNetworkTest, ChangesAddUpUntilTheProfileIsRestored) {
  const auto states = Unroll(R"(name: 'x' link { delay_us: 1 } overrides { source: 2 link {} }
      events { at_seconds: 1 change { source: 0 link { delay_us: 9 } } }
      events { at_seconds: 2 partition { groups { ranks: 0 } } }
      events { at_seconds: 3 restore {} })");
  EXPECT_EQ(states[1].network.overrides_size(), 2);
  EXPECT_EQ(states[2].network.overrides_size(), 2);
  EXPECT_EQ(states[2].network.partition_size(), 1);
  EXPECT_EQ(states[3].network.overrides_size(), 1);
  EXPECT_EQ(states[3].network.partition_size(), 0);
}

TEST(UnrollNetworkTest, AnotherNetworkReplacesEverything) {
  const auto states = Unroll(R"(name: 'x' shared_medium: true link { rate_bits_per_second: 5 }
      events { at_seconds: 1 change { link { delay_us: 9 } } }
      events { at_seconds: 2 network { name: 'y' link { delay_us: 3 } } }
      events { at_seconds: 3 change { link { loss: 0.5 } } })");
  EXPECT_FALSE(states[2].network.shared_medium());
  EXPECT_EQ(states[2].network.overrides_size(), 0);
  EXPECT_EQ(states[3].network.link().delay_us(), 3);
  EXPECT_EQ(states[3].network.overrides_size(), 1);
}

}  // namespace
}  // namespace edgetp
