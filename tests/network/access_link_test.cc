#include "common/network/access_link.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "common/network/link_model.h"
#include "common/network/network_profile.h"

namespace edgetp {
namespace {

constexpr int kRanks = 4;

NetworkOptions Resolve(const std::string& text) {
  v1::NetworkProfile profile;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString("hop: HOP_ACCESS " + text, &profile));
  return ResolveNetwork(profile, kRanks).value();
}

// 5 ms, 8 Mb/s up and 16 Mb/s down: 1000 bytes take 1 ms up and 0.5 ms down.
NetworkOptions Broadband(const std::string& more = "") {
  return Resolve(
      "link { delay_us: 5000 rate_bits_per_second: 8e6 ingress_rate_bits_per_second: "
      "1.6e7 } " +
      more);
}

absl::Time At(double ms) { return absl::UnixEpoch() + absl::Nanoseconds(1e6 * ms); }

absl::Time Deliver(LinkModel* model, absl::Time at, int source, int destination, int64_t bytes) {
  return model->Arrive(source, destination, model->Depart(at, source, destination, bytes, {}));
}

TEST(AccessLinkTest, TwoDevicesAreTwoHopsApart) {
  LinkModel model(kRanks, Broadband(), 1);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(11));
}

TEST(AccessLinkTest, TheSlowerDirectionDecides) {
  LinkModel model(kRanks,
                  Broadband("overrides { destination: 1 link { rate_bits_per_second: 4e6 } }"), 1);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(12));
  EXPECT_EQ(Deliver(&model, At(0), 0, 2, 1000), At(12));  // behind the first, on the uplink
}

TEST(AccessLinkTest, AnUplinkIsSharedByAllThatADeviceSends) {
  LinkModel model(kRanks, Broadband("interface_rate_bits_per_second: 1e9"), 1);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(11));
  EXPECT_EQ(Deliver(&model, At(0), 0, 2, 1000), At(12));
  EXPECT_EQ(Deliver(&model, At(0), 0, 3, 1000), At(13));
}

TEST(AccessLinkTest, ADownlinkIsSharedByAllThatADeviceReceives) {
  LinkModel model(kRanks, Broadband(), 1);
  EXPECT_EQ(Deliver(&model, At(0), 1, 0, 1000), At(11));
  EXPECT_EQ(Deliver(&model, At(0), 2, 0, 1000), At(11));  // it had half of the time to spare
  EXPECT_EQ(Deliver(&model, At(0), 3, 0, 1000), At(11.5));
}

TEST(AccessLinkTest, AbsentTheDownRateIsTheUpRate) {
  LinkModel model(kRanks, Resolve("link { rate_bits_per_second: 8e6 }"), 1);
  EXPECT_EQ(Deliver(&model, At(0), 1, 0, 1000), At(1));
  EXPECT_EQ(Deliver(&model, At(0), 2, 0, 1000), At(2));
}

TEST(AccessLinkTest, LossIsOnBothHopsAndRepairedOverTheWholeWay) {
  const NetworkOptions network = Resolve("link { delay_us: 100000 loss: 0.1 }");
  EXPECT_NEAR(network.link.loss, 0.19, 1e-12);
  EXPECT_EQ(network.link.PathDelay(), absl::Milliseconds(200));
  LinkModel model(kRanks, network, 1);
  absl::Duration shortest = absl::InfiniteDuration();
  for (uint64_t message = 0; message < 100; ++message) {
    const absl::Duration lost = model.Draw(0, 1, message, 14480).retransmission;
    if (lost > absl::ZeroDuration()) shortest = std::min(shortest, lost);
  }
  EXPECT_EQ(shortest, absl::Milliseconds(400));  // one RTT
}

TEST(AccessLinkTest, EachHopDrawsItsOwnJitter) {
  const NetworkOptions network = Resolve("link { delay_us: 1000000 jitter_us: 1000 }");
  LinkModel model(kRanks, network, 1);
  double squares = 0;
  constexpr int kDraws = 4000;
  for (uint64_t message = 0; message < kDraws; ++message) {
    const double ms = absl::ToDoubleMilliseconds(model.Draw(0, 1, message, 1).jitter);
    squares += ms * ms;
  }
  EXPECT_NEAR(squares / kDraws, 2, 0.15);  // the variances add up; of one draw twice it would be 4
}

TEST(AccessLinkTest, ASharedMediumCarriesEachMessageTwice) {
  const NetworkOptions cell = Resolve("shared_medium: true link { rate_bits_per_second: 8e6 }");
  LinkModel model(kRanks, cell, 1);
  EXPECT_EQ(model.Airtime(0, 1, 1000), absl::Milliseconds(2));
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(2));
  EXPECT_EQ(Deliver(&model, At(0), 2, 3, 1000), At(4));
}

TEST(AccessLinkTest, OnAMediumEachHopHasTheRateOfItsDevice) {
  const NetworkOptions cell = Resolve(R"(shared_medium: true link { rate_bits_per_second: 8e6 }
      overrides { destination: 1 link { rate_bits_per_second: 2e6 } })");
  const LinkModel model(kRanks, cell, 1);
  EXPECT_EQ(model.Airtime(0, 1, 1000), absl::Milliseconds(5));
  EXPECT_EQ(model.Airtime(1, 0, 1000), absl::Milliseconds(2));
}

TEST(AccessLinkTest, AnOverrideWithASourceIsThatDevicesUplink) {
  const NetworkOptions network =
      Broadband("overrides { source: 2 link { delay_us: 20000 rate_bits_per_second: 1e6 } }");
  EXPECT_EQ(network.Link(2, 0).PathDelay(), absl::Milliseconds(25));
  EXPECT_EQ(network.Link(0, 2).PathDelay(), absl::Milliseconds(10));
  LinkModel model(kRanks, network, 1);
  EXPECT_EQ(Deliver(&model, At(0), 2, 0, 1000), At(33));
  EXPECT_EQ(Deliver(&model, At(0), 1, 2, 1000), At(11));
}

TEST(AccessLinkTest, AnOverrideWithADestinationIsThatDevicesDownlink) {
  const NetworkOptions network = Broadband("overrides { destination: 2 link { delay_us: 1000 } }");
  EXPECT_EQ(network.Link(0, 2).PathDelay(), absl::Milliseconds(6));
  EXPECT_EQ(network.Link(2, 0).PathDelay(), absl::Milliseconds(10));
  EXPECT_EQ(network.Link(0, 2).ingress_rate_bits_per_second, 1.6e7);
}

TEST(AccessLinkTest, AnOverrideWithoutRanksIsEveryAccessLink) {
  const NetworkOptions network = Broadband("overrides { link { delay_us: 1000 } }");
  EXPECT_EQ(network.Link(0, 2).PathDelay(), absl::Milliseconds(2));
  EXPECT_TRUE(network.overrides.empty());
}

TEST(AccessLinkTest, AnOverrideWithBothEndsIsTheirPathAsAWhole) {
  const NetworkOptions network = Broadband(R"(overrides { source: 0 destination: 1
      link { delay_us: 200000 rate_bits_per_second: 1e6 loss: 0.5 } })");
  EXPECT_EQ(network.Link(0, 1).PathDelay(), absl::Milliseconds(200));
  EXPECT_EQ(network.Link(0, 1).loss, 0.5);
  EXPECT_EQ(network.Link(1, 0).PathDelay(), absl::Milliseconds(10));
  LinkModel model(kRanks, network, 1);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(208));
  EXPECT_EQ(Deliver(&model, At(0), 0, 2, 1000), At(12));  // the uplink was busy for 1 ms
}

TEST(AccessLinkTest, APathsOwnJitterIsOneDraw) {
  const NetworkOptions network = Resolve(R"(link { delay_us: 5000 jitter_us: 1000 }
      overrides { source: 0 destination: 1 link { jitter_us: 3000 } })");
  EXPECT_EQ(network.Link(0, 1).PathDelay(), absl::Milliseconds(10));
  EXPECT_EQ(network.Link(0, 1).jitter, absl::Milliseconds(3));
  EXPECT_FALSE(network.Link(0, 1).second_hop->HasJitter());
}

TEST(AccessLinkTest, ATraceIsTheCapacityOfAnUplink) {
  // 1500 bytes in each of three milliseconds, then none for seven.
  const NetworkOptions network = Resolve("link { delay_us: 1000 trace_ms: [1, 2, 3, 10] }");
  EXPECT_TRUE(network.FollowsTrace());
  LinkModel model(kRanks, network, 1);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1500), At(3));
  EXPECT_EQ(Deliver(&model, At(0), 0, 2, 1500), At(4));
  EXPECT_EQ(Deliver(&model, At(0), 3, 2, 1500), At(3));
}

v1::NetworkProfile Profile(const std::string& text) {
  v1::NetworkProfile profile;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &profile));
  return profile;
}

TEST(PathBetweenDevicesTest, IsTheLinkItselfWhereItIsDirect) {
  const DevicePath path = PathBetweenDevices(
      Profile("link { delay_us: 3000 rate_bits_per_second: 5e6 } overrides { source: 9 }"));
  EXPECT_EQ(path.delay, absl::Milliseconds(3));
  EXPECT_EQ(path.rate_bits_per_second, 5e6);
}

TEST(PathBetweenDevicesTest, IsBothHopsAndTheLowerRateOfAccessLinks) {
  const DevicePath path =
      PathBetweenDevices(Profile("hop: HOP_ACCESS link { delay_us: 3000 rate_bits_per_second: 5e6 "
                                 "ingress_rate_bits_per_second: 9e6 }"));
  EXPECT_EQ(path.delay, absl::Milliseconds(6));
  EXPECT_EQ(path.rate_bits_per_second, 5e6);
}

TEST(PathBetweenDevicesTest, IsHalfTheRateOfACellWithAnAccessPoint) {
  const DevicePath path = PathBetweenDevices(
      Profile("hop: HOP_ACCESS shared_medium: true link { rate_bits_per_second: 3e8 }"));
  EXPECT_EQ(path.rate_bits_per_second, 1.5e8);
}

}  // namespace
}  // namespace edgetp
