// What the coordinator does with networks that change: by request, by their timeline, for a while.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/version.h"
#include "common/config/defaults.h"
#include "common/config/override.h"
#include "common/simulate/deadline.h"
#include "server/coordinator.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::NetworkProfile Profile(const std::string& text) {
  v1::NetworkProfile profile;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &profile));
  return profile;
}

constexpr char kWay[] =
    "name: 'way' link {} events { at_seconds: 2 network { name: 'lte' link { "
    "delay_us: 35000 } } } events { at_seconds: 5 restore {} }";

class CoordinatorNetworkTest : public ::testing::Test {
 protected:
  // Two workers that prepare "a".
  void Prepare(const std::string& network) {
    v1::RunConfig config;
    *config.mutable_network() = Profile(network);
    Prepare(config);
  }
  void Prepare(const v1::RunConfig& config) {
    for (int i = 0; i < 2; ++i) {
      v1::JoinRequest request;
      request.set_version(kVersion);
      request.mutable_member()->set_peer_address("127.0.0.1:1");
      workers_.push_back(*coordinator_.Join(now_, request, &out_));
    }
    v1::JobSpec spec;
    spec.mutable_train();
    *spec.mutable_config() = config;
    spec.mutable_config()->set_workers(2);
    ASSERT_TRUE(coordinator_.Submit(now_, "a", spec, &out_).ok());
    out_ = Outputs();
  }
  void Start() {
    v1::WorkerMessage ready;
    ready.mutable_ready()->set_job("a");
    for (const std::string& worker : workers_) coordinator_.OnMessage(now_, worker, ready, &out_);
    out_ = Outputs();
  }
  // Moves the clock in ticks of the server while the workers live.
  void Pass(absl::Duration span) {
    v1::WorkerMessage beat;
    beat.mutable_heartbeat();
    for (const absl::Time end = now_ + span; now_ < end;) {
      now_ += absl::Milliseconds(100);
      for (const std::string& worker : workers_) coordinator_.OnMessage(now_, worker, beat, &out_);
      coordinator_.Tick(now_, &out_);
    }
  }
  void Set(const std::string& network, std::optional<absl::Duration> span = std::nullopt) {
    coordinator_.SetNetwork(now_, {Profile(network), {}}, span, &out_);
  }
  void Change(const std::string& patch, std::optional<absl::Duration> span = std::nullopt) {
    v1::NetworkPatch parsed;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(patch, &parsed));
    coordinator_.SetNetwork(now_, {std::nullopt, parsed}, span, &out_);
  }
  std::string InForce() const { return coordinator_.network(now_).name(); }
  // The profiles that watchers have been told of, in order.
  std::vector<std::string> Told() const {
    std::vector<std::string> names;
    for (const auto& [run, event] : out_.events) {
      if (event.has_network()) names.push_back(event.network().name());
    }
    return names;
  }
  // Updates to workers: "worker-1 2 lte".
  std::vector<std::string> Sent() const {
    std::vector<std::string> lines;
    for (const auto& [worker, message] : out_.sends) {
      if (!message.has_network()) continue;
      lines.push_back(worker + " " + std::to_string(message.network().version()) + " " +
                      message.network().network().name());
    }
    return lines;
  }

  absl::Time now_ = absl::UnixEpoch();
  Coordinator coordinator_{CoordinatorOptions{}};
  Outputs out_;
  std::vector<std::string> workers_;
};

TEST_F(CoordinatorNetworkTest, AChangeReachesTheWorkersOfTheJobWithAVersion) {
  Prepare("name: 'wifi-5'");
  Start();
  Set("name: 'lte'");
  Set("name: 'wan'");
  EXPECT_THAT(Sent(),
              ElementsAre("worker-1 1 lte", "worker-2 1 lte", "worker-1 2 wan", "worker-2 2 wan"));
  EXPECT_THAT(Told(), ElementsAre("lte", "wan"));
  EXPECT_EQ(InForce(), "wan");
}

TEST_F(CoordinatorNetworkTest, ADeadlineThatNobodyHasChosenFollowsTheNetwork) {
  v1::RunConfig config;
  *config.mutable_network() = Profile("name: 'none'");
  for (const char* field : {"model.layers=1", "model.heads=2", "model.channels=8",
                            "model.sequence=8", "model.vocabulary=65", "pattern=t"})
    ASSERT_TRUE(ApplyOverride(field, &config).ok());
  FillDefaults(&config);
  ASSERT_TRUE(ResolveDeadline(NeedsOfStep(config).value(), &config).ok());
  const double before = config.collective().deadline_seconds();
  Prepare(config);
  Start();
  Set("name: 'slow' link { rate_bits_per_second: 100 }");
  ASSERT_FALSE(out_.sends.empty());
  const double slow = out_.sends.back().second.network().deadline_seconds();
  EXPECT_GT(slow, 10 * before);
  // What may still be under way keeps its time.
  Set("name: 'none'");
  EXPECT_EQ(out_.sends.back().second.network().deadline_seconds(), slow);
}

TEST_F(CoordinatorNetworkTest, WhatChangesNothingIsNotTold) {
  Prepare("name: 'wifi-5'");
  Start();
  Set("name: 'wifi-5'");
  EXPECT_THAT(Told(), IsEmpty());
}

TEST_F(CoordinatorNetworkTest, TheClusterHasNoLimitsUntilANetworkIsSet) {
  EXPECT_EQ(InForce(), "none");
  Set("name: 'lte'");
  EXPECT_EQ(InForce(), "lte");
  EXPECT_THAT(Sent(), IsEmpty());
}

TEST_F(CoordinatorNetworkTest, AJobsOwnNetworkIsInForceOnlyWhileItRuns) {
  Prepare("name: 'wifi-5'");
  EXPECT_EQ(InForce(), "wifi-5");
  EXPECT_EQ(coordinator_.cluster_network().name(), "none");
  EXPECT_TRUE(coordinator_.Stop(now_, "a", &out_).ok());
  EXPECT_EQ(InForce(), "none");
}

TEST_F(CoordinatorNetworkTest, ATimelineBeginsWithTheStepsOfTheRun) {
  Prepare(kWay);
  Pass(absl::Seconds(10));
  EXPECT_THAT(Told(), IsEmpty());
  Start();
  Pass(absl::Seconds(1.9));
  EXPECT_THAT(Told(), IsEmpty());
  Pass(absl::Seconds(0.1));
  EXPECT_THAT(Sent(), ElementsAre("worker-1 1 way@2s:lte", "worker-2 1 way@2s:lte"));
  v1::StatusResponse status;
  coordinator_.FillStatus(now_, &status);
  EXPECT_EQ(status.runs(0).network(), "way@2s:lte");
  Pass(absl::Seconds(10));
  EXPECT_THAT(Told(), ElementsAre("way@2s:lte", "way"));
}

TEST_F(CoordinatorNetworkTest, ATimelineThatIsSetDuringARunBeginsAtOnce) {
  Prepare("name: 'wifi-5'");
  Start();
  Pass(absl::Seconds(3));
  Set(kWay);
  Pass(absl::Seconds(2));
  EXPECT_THAT(Told(), ElementsAre("way", "way@2s:lte"));
}

TEST_F(CoordinatorNetworkTest, ANewNetworkDropsTheRestOfATimeline) {
  Prepare(kWay);
  Start();
  Set("name: 'lte'");
  Pass(absl::Seconds(10));
  EXPECT_THAT(Told(), ElementsAre("lte"));
}

TEST_F(CoordinatorNetworkTest, WhatIsSetForAWhileLeavesTheClustersProfileAlone) {
  Prepare(kWay);
  Start();
  Set("name: 'bad'", absl::Seconds(3));
  EXPECT_EQ(InForce(), "bad");
  EXPECT_EQ(coordinator_.cluster_network().name(), "none");
  Pass(absl::Seconds(10));
  EXPECT_THAT(Told(), ElementsAre("bad", "way@2s:lte", "way"));
}

TEST_F(CoordinatorNetworkTest, AChangeDuringAnotherForAWhileLastsAndTheOtherEnds) {
  Prepare("name: 'wifi-5'");
  Start();
  Change("partition { ranks: 0 } partition { ranks: 1 }", absl::Seconds(3));
  Change("links { link { delay_us: 5000 } }");
  EXPECT_EQ(InForce(), "wifi-5+delay5ms+partition0-1");
  Pass(absl::Seconds(4));
  EXPECT_EQ(InForce(), "wifi-5+delay5ms");
  EXPECT_THAT(Told(), ElementsAre("wifi-5+partition0-1", "wifi-5+delay5ms+partition0-1",
                                  "wifi-5+delay5ms"));
}

TEST_F(CoordinatorNetworkTest, AChangeIsOfTheClustersNetworkAndOfTheJobsEachOnItsOwn) {
  Prepare("name: 'wifi-5'");
  Start();
  Change("links { link { delay_us: 5000 } }");
  EXPECT_EQ(InForce(), "wifi-5+delay5ms");
  EXPECT_EQ(coordinator_.cluster_network().name(), "none+delay5ms");
}

TEST_F(CoordinatorNetworkTest, ChangesOfDifferentLinksAddUp) {
  Prepare("name: 'wifi-5'");
  Start();
  Change("links { source: 0 destination: 1 link { delay_us: 5000 } }");
  Change("links { source: 1 destination: 0 link { loss: 0.01 } }");
  EXPECT_EQ(InForce(), "wifi-5+0to1-delay5ms+1to0-loss1pct");
  EXPECT_EQ(coordinator_.network(now_).overrides_size(), 2);
}

TEST_F(CoordinatorNetworkTest, TheSpecKeepsTheProfileAsSubmitted) {
  Prepare(kWay);
  Start();
  Pass(absl::Seconds(3));
  EXPECT_TRUE(coordinator_.Stop(now_, "a", &out_).ok());
  EXPECT_EQ(out_.ended[0].spec.config().network().events_size(), 2);
  EXPECT_EQ(out_.ended[0].networks.count("way@2s:lte"), 1u);
}

TEST_F(CoordinatorNetworkTest, AnEndedRunHearsOfNoMoreChanges) {
  Prepare(kWay);
  Start();
  EXPECT_TRUE(coordinator_.Stop(now_, "a", &out_).ok());
  out_ = Outputs();
  Pass(absl::Seconds(10));
  EXPECT_THAT(Sent(), IsEmpty());
}

}  // namespace
}  // namespace edgetp
