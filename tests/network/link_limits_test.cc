// Headers and windows of a link: bytes that travel beside the payload, and how much of it may be
// under way (common/network/link_model.h).
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "common/network/link_model.h"
#include "common/network/network_profile.h"

namespace edgetp {
namespace {

absl::Time At(double ms) { return absl::UnixEpoch() + absl::Nanoseconds(1e6 * ms); }
absl::Duration Ms(double ms) { return absl::Nanoseconds(1e6 * ms); }

v1::NetworkProfile Parse(const std::string& text) {
  v1::NetworkProfile profile;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &profile)) << text;
  return profile;
}

NetworkOptions Resolve(const std::string& text) { return ResolveNetwork(Parse(text), 4).value(); }

// 1000 bytes take 1 ms.
constexpr char kLink[] = "delay_us: 5000 rate_bits_per_second: 8e6 ";

NetworkOptions WithLink(const std::string& more, const std::string& profile = "") {
  return Resolve("link { " + (kLink + more) + " } " + profile);
}

absl::Time Deliver(LinkModel* model, absl::Time at, int source, int destination, int64_t bytes) {
  return model->Arrive(source, destination, model->Depart(at, source, destination, bytes, {}));
}

TEST(HeaderShareTest, HeadersTakeTheirTimeOfLinkAndInterfaces) {
  LinkModel model(4, WithLink("header_share: 1.5"), 1);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(6.5));
  EXPECT_EQ(Deliver(&model, At(0), 0, 2, 1000), At(8));  // behind it at the sender's interface
  EXPECT_EQ(Deliver(&model, At(0), 3, 1, 1000), At(8));  // behind it at the receiver's
  EXPECT_EQ(Deliver(&model, At(20), 0, 1, 1000), At(26.5));
}

TEST(HeaderShareTest, WithoutItARateIsThatOfPayload) {
  LinkModel model(4, WithLink(""), 1);
  LinkModel same(4, WithLink("header_share: 1"), 1);
  for (const int64_t bytes : {1, 999, 123'456'789}) {
    EXPECT_EQ(Deliver(&model, At(0), 0, 1, bytes), Deliver(&same, At(0), 0, 1, bytes));
  }
}

TEST(HeaderShareTest, HeadersTakeAirtimeOnAMedium) {
  const NetworkOptions network = WithLink("header_share: 1.5", "shared_medium: true");
  LinkModel model(4, network, 1);
  EXPECT_EQ(model.Airtime(0, 1, 1000), Ms(1.5));
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(6.5));
  EXPECT_EQ(Deliver(&model, At(0), 2, 3, 1000), At(8));
}

// 1500 bytes leave in each ms of the trace.
TEST(HeaderShareTest, HeadersTakeTheirShareOfATrace) {
  LinkModel model(4, Resolve("link { header_share: 1.5 trace_ms: 1 }"), 1);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(1));
}

// 2000 bytes per RTT of 10 ms are 200 bytes in a ms.
TEST(WindowTest, PayloadGoesNoFasterThanAWindowPerRtt) {
  LinkModel model(4, WithLink("window_bytes: 2000"), 1);
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(10));
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(15));  // the link's next message waits
}

TEST(WindowTest, ItIsTheLinksOwnTimeAndNobodyElses) {
  LinkModel model(4, WithLink("window_bytes: 2000"), 1);
  Deliver(&model, At(0), 0, 1, 1000);
  EXPECT_EQ(Deliver(&model, At(0), 0, 2, 1000), At(11));  // the interface was free again after 1 ms
  LinkModel air(4, WithLink("window_bytes: 2000", "shared_medium: true"), 1);
  EXPECT_EQ(air.Airtime(0, 1, 1000), Ms(1));
  Deliver(&air, At(0), 0, 1, 1000);
  EXPECT_EQ(Deliver(&air, At(0), 2, 3, 1000), At(11));
}

TEST(WindowTest, ALargeOneChangesNothing) {
  LinkModel model(4, WithLink("window_bytes: 10000"), 1);  // just the rate
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(6));
}

TEST(WindowTest, TheRttIsTheDelayThereAndBackWithoutJitter) {
  const NetworkOptions network =
      WithLink("window_bytes: 2000 jitter_us: 1000",
               "overrides { source: 1 destination: 0 link { delay_us: 15000 window_bytes: inf } }");
  EXPECT_EQ(network.WindowRate(0, 1), 8 * 2000 / 20e-3);
  EXPECT_EQ(network.WindowRate(1, 0), 0);
  EXPECT_EQ(network.WindowRate(0, 2), 8 * 2000 / 10e-3);
  EXPECT_EQ(Resolve("link { window_bytes: 2000 rate_bits_per_second: 5 }").WindowRate(0, 1), 0)
      << "without a delay, everything is acknowledged at once";
}

TEST(WindowTest, AChangeOfTheDelayChangesTheRate) {
  LinkModel model(4, WithLink("window_bytes: 2000"), 1);
  model.SetNetwork(
      Resolve("link { delay_us: 10000 rate_bits_per_second: 8e6 window_bytes: 2000 }"));
  EXPECT_EQ(Deliver(&model, At(0), 0, 1, 1000), At(20));
}

TEST(LinkLimitsTest, BetweenAccessLinksBothHopsCount) {
  const NetworkOptions network = Resolve(
      "hop: HOP_ACCESS link { delay_us: 5000 rate_bits_per_second: 8e6 header_share: 1.1 "
      "window_bytes: 4000 } overrides { destination: 1 link { header_share: 1.5 } } "
      "overrides { source: 0 destination: 2 link { window_bytes: 8000 header_share: 1 } }");
  EXPECT_EQ(network.Link(0, 1).header_share, 1.5);
  EXPECT_EQ(network.Link(0, 3).header_share, 1.1);
  EXPECT_EQ(network.WindowRate(0, 3), 8 * 4000 / 20e-3);
  EXPECT_EQ(network.Link(0, 2).header_share, 1);
  EXPECT_EQ(network.WindowRate(0, 2), 8 * 8000 / 20e-3);
}

TEST(LinkLimitsTest, WhatTwoDevicesGetIsThePayloadsRate) {
  const auto rate = [](const std::string& link) {
    return PathBetweenDevices(Parse("link { " + link + " }")).rate_bits_per_second;
  };
  EXPECT_EQ(rate("delay_us: 5000 rate_bits_per_second: 8e6"), 8e6);
  EXPECT_EQ(rate("delay_us: 5000 rate_bits_per_second: 8e6 header_share: 1.25"), 6.4e6);
  EXPECT_EQ(rate("delay_us: 5000 rate_bits_per_second: 8e6 window_bytes: 1000"), 8e5);
  EXPECT_EQ(rate("delay_us: 5000 window_bytes: 1000"), 8e5);
  const NetworkOptions network = WithLink("header_share: 1.25");
  EXPECT_EQ(network.PayloadRate(0, 1), 6.4e6);
}

}  // namespace
}  // namespace edgetp
