#include "worker/collective/emulation.h"

#include "gmock/gmock.h"
#include "tests/transport/local_cluster.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

CollectiveGroupOptions Over(NetworkOptions network) {
  CollectiveGroupOptions options;
  options.choose = FixedAlgorithm("direct");
  options.network = std::move(network);
  options.network.name = "test";
  options.segment_bytes = 1000;
  return options;
}

NetworkOptions DelayOf(absl::Duration delay) {
  NetworkOptions network;
  network.link.delay = delay;
  return network;
}

NetworkOptions Partitioned() {
  NetworkOptions network;
  network.partition_group = {0, 1};
  return network;
}

// One planned all-reduce of `count` elements in a step.
absl::Status OneStep(CollectiveGroup& group, int64_t count) {
  group.BeginStep(0, {{kForwardTag, count, WireFormat()}});
  std::vector<float> data(count, 1.0f);
  const absl::Status status = group.AllReduce(kForwardTag, absl::MakeSpan(data));
  if (!status.ok()) return status;
  EXPECT_EQ(data[0], 2.0f);
  return group.EndStep();
}

double Sum(const v1::Breakdown& b) {
  return b.compute() + b.software() + b.queueing() + b.serialization() + b.propagation() +
         b.jitter() + b.straggler() + b.staging();
}

TEST(EmulationTest, TheBreakdownOfAnEmulatedStepAddsUp) {
  LocalCluster cluster(2);
  ExpectAllOk(
      cluster.OnEachGroup(Over(DelayOf(absl::Milliseconds(20))), [](CollectiveGroup& group) {
        const absl::Status status = OneStep(group, 100);
        const StepStats stats = group.TakeStats();
        // A rank that came late finds its peer's segment under way; what it did wait for is all
        // accounted.
        EXPECT_NEAR(Sum(stats.breakdown_seconds), absl::ToDoubleSeconds(stats.elapsed), 1e-9);
        EXPECT_EQ(stats.fidelity.messages(), 1);
        return status;
      }));
}

// Records asked and realised delays.
class Recorder final : public CollectiveObserver {
 public:
  void OnCollective(const CollectiveObservation& observation) override {
    collectives.push_back(observation);
  }
  void OnSent(int destination, int64_t bytes) override { sent += bytes; }
  void OnDelivery(const Delivery& delivery) override { deliveries.push_back(delivery); }

  std::vector<CollectiveObservation> collectives;
  std::vector<Delivery> deliveries;
  int64_t sent = 0;
};

TEST(EmulationTest, EverySegmentTakesAtLeastDelayAndSerialization) {
  LocalCluster cluster(2);
  std::vector<Recorder> recorders(2);
  NetworkOptions network = DelayOf(absl::Milliseconds(5));
  network.link.rate_bits_per_second = 8e6;  // 1000 bytes take 1 ms
  ExpectAllOk(cluster.OnEachRank([&](int rank) {
    CollectiveGroupOptions options = Over(network);
    options.observer = &recorders[rank];
    auto group = CollectiveGroup::Create(cluster.Connected(rank), options);
    return OneStep(**group, 1000);
  }));
  for (const Recorder& recorder : recorders) {
    ASSERT_EQ(recorder.deliveries.size(), 4u);
    for (size_t i = 0; i < 4; ++i) {
      const Delivery& delivery = recorder.deliveries[i];
      EXPECT_GE(delivery.asked, absl::Milliseconds(6 + static_cast<int>(i)));
      EXPECT_GE(delivery.realised, delivery.asked);
    }
    ASSERT_EQ(recorder.collectives.size(), 1u);
    EXPECT_EQ(recorder.collectives[0].algorithm, "direct");
    EXPECT_EQ(recorder.collectives[0].bytes_sent, 4000);
    EXPECT_EQ(recorder.sent, 4000);
  }
}

TEST(EmulationTest, APartitionEndsAtTheDeadlineAndNamesTheLink) {
  LocalCluster cluster(2);
  CollectiveGroupOptions options = Over(Partitioned());
  options.deadline = absl::Milliseconds(20);
  const auto results =
      cluster.OnEachGroup(options, [](CollectiveGroup& group) { return OneStep(group, 100); });
  for (const absl::Status& status : results) EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(results[0].message()),
              testing::AnyOf(HasSubstr("link is partitioned (rank=0 peer=1"),
                             HasSubstr("the peer is gone (peer=1")));
}

TEST(EmulationTest, AHealedPartitionLetsTheCollectiveFinish) {
  LocalCluster cluster(2);
  ExpectAllOk(cluster.OnEachGroup(Over(Partitioned()), [](CollectiveGroup& group) {
    std::thread control([&group] { group.SetNetwork(NetworkOptions()); });
    const absl::Status status = OneStep(group, 100);
    control.join();
    return status;
  }));
}

TEST(EmulationTest, ANewProfileHoldsTheNextMessage) {
  LocalCluster cluster(2);
  ExpectAllOk(cluster.OnEachGroup(Over(NetworkOptions()), [](CollectiveGroup& group) {
    absl::Status status = OneStep(group, 100);
    if (!status.ok()) return status;
    EXPECT_EQ(group.TakeStats().fidelity.messages(), 0);
    group.SetNetwork(DelayOf(absl::Milliseconds(1)));
    status = OneStep(group, 100);
    EXPECT_EQ(group.TakeStats().fidelity.messages(), 1);
    return status;
  }));
}

// One queue for all ranks of a test.
class SharedAir final : public MediumReservation {
 public:
  absl::StatusOr<absl::Time> Reserve(absl::Time handover, absl::Duration airtime) override {
    std::lock_guard<std::mutex> lock(mutex_);
    ++reservations;
    return arbiter_.Grant(handover, airtime);
  }
  int reservations = 0;

 private:
  std::mutex mutex_;
  MediumArbiter arbiter_;
};

TEST(EmulationTest, ASharedMediumIsReservedOncePerMessage) {
  LocalCluster cluster(3);
  SharedAir air;
  NetworkOptions network;
  network.link.rate_bits_per_second = 80e6;
  network.shared_medium = true;
  CollectiveGroupOptions options = Over(network);
  options.medium = &air;
  ExpectAllOk(cluster.OnEachGroup(options, [](CollectiveGroup& group) {
    std::vector<float> data(1000, 1.0f);
    return group.AllReduce(kForwardTag, absl::MakeSpan(data));
  }));
  EXPECT_EQ(air.reservations, 6);
}

// The trunks of all ranks of a test.
class SharedTrunks final : public MediumReservation {
 public:
  absl::StatusOr<absl::Time> Reserve(absl::Time, absl::Duration) override {
    return absl::InternalError("there is no medium");
  }
  absl::StatusOr<absl::Duration> Pass(absl::Time start, absl::Duration span,
                                      absl::Span<const TrunkPassage> passages) override {
    std::lock_guard<std::mutex> lock(mutex_);
    ++pieces;
    return trunks_.Pass(start, span, passages);
  }
  int pieces = 0;

 private:
  std::mutex mutex_;
  Trunks trunks_;
};

// 0 and 1 are on one side of a trunk, 2 and 3 on the other.
NetworkOptions OverATrunk() {
  NetworkOptions network = DelayOf(absl::Milliseconds(1));
  network.link.rate_bits_per_second = 8e6;
  network.trunks = {"there", "back"};
  for (const int here : {0, 1}) {
    for (const int there : {2, 3}) {
      for (const auto& [pair, trunk] :
           {std::pair(std::pair(here, there), 0), std::pair(std::pair(there, here), 1)}) {
        network.overrides[pair] = network.link;
        network.overrides[pair].trunks = {{trunk, absl::ZeroDuration(), 8e6}};
      }
    }
  }
  return network;
}

TEST(EmulationTest, TrunksAreAskedForOncePerSegmentThatPassesThem) {
  LocalCluster cluster(4);
  SharedTrunks trunks;
  CollectiveGroupOptions options = Over(OverATrunk());
  options.choose = FixedAlgorithm("direct");
  options.medium = &trunks;
  ExpectAllOk(cluster.OnEachGroup(options, [](CollectiveGroup& group) {
    std::vector<float> data(500, 1.0f);  // two segments
    return group.AllReduce(kForwardTag, absl::MakeSpan(data));
  }));
  EXPECT_EQ(trunks.pieces, 8 * 2);
}

TEST(StampTest, WhoWaitsOnATrunkIsStampedLaterAndLeavesAtOnce) {
  SharedTrunks trunks;
  EmulatedNetwork first(0, 4, OverATrunk(), 42, &trunks);
  EmulatedNetwork second(1, 4, OverATrunk(), 42, &trunks);
  const OutgoingMessage across{2, absl::FromUnixSeconds(1000), {1000, 1000}};
  const OutgoingMessage inside{0, absl::FromUnixSeconds(1000), {1000}};
  const std::vector<SegmentTimes> one = **first.Stamp(across);
  const std::vector<SegmentTimes> other = **second.Stamp(across);
  const std::vector<SegmentTimes> near = **second.Stamp(inside);
  EXPECT_EQ(other[0].first_bit_ns - one[0].first_bit_ns, 2'000'000);
  EXPECT_EQ(other[1].last_bit_ns - one[1].last_bit_ns, 2'000'000);
  EXPECT_EQ(near[0].egress_start_ns - near[0].handover_ns, 2'000'000) << "behind its own alone";
  EmulatedNetwork none(3, 4, OverATrunk(), 42, nullptr);
  EXPECT_TRUE(none.Stamp({0, absl::FromUnixSeconds(1000), {1000}}).ok()) << "its own arbiter";
}

class RefusedAir final : public MediumReservation {
 public:
  absl::StatusOr<absl::Time> Reserve(absl::Time, absl::Duration) override {
    return absl::UnavailableError("no arbiter");
  }
};

TEST(EmulationTest, AnArbiterThatFailsEndsTheCollective) {
  LocalCluster cluster(2);
  RefusedAir air;
  NetworkOptions network;
  network.link.rate_bits_per_second = 80e6;
  network.shared_medium = true;
  CollectiveGroupOptions options = Over(network);
  options.medium = &air;
  const auto results =
      cluster.OnEachGroup(options, [](CollectiveGroup& group) { return OneStep(group, 10); });
  for (const absl::Status& status : results)
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
}

TEST(EmulationTest, AnArbiterWithoutTrunksEndsTheCollective) {
  LocalCluster cluster(4);
  RefusedAir air;
  CollectiveGroupOptions options = Over(OverATrunk());
  options.medium = &air;
  const auto results =
      cluster.OnEachGroup(options, [](CollectiveGroup& group) { return OneStep(group, 10); });
  for (const absl::Status& status : results) EXPECT_FALSE(status.ok());
}

TEST(StampTest, TheSegmentsOfAMessageShareOneDraw) {
  NetworkOptions network = DelayOf(absl::Milliseconds(10));
  network.link.jitter = absl::Milliseconds(3);
  network.link.rate_bits_per_second = 8e6;
  EmulatedNetwork emulated(0, 2, network, 42, nullptr);
  const auto stamped = emulated.Stamp({1, absl::FromUnixSeconds(1000), {1000, 1000, 1000}});
  ASSERT_TRUE(stamped.ok() && stamped->has_value());
  const std::vector<SegmentTimes>& times = **stamped;
  EXPECT_EQ(times[0].jitter_ns, times[2].jitter_ns);
  EXPECT_EQ(times[1].egress_start_ns - times[0].egress_start_ns, 1'000'000);
}

TEST(StampTest, WhileCutOffNothingIsStampedAndNothingDrawn) {
  NetworkOptions network = DelayOf(absl::Milliseconds(10));
  network.link.jitter = absl::Milliseconds(3);
  const OutgoingMessage message{1, absl::FromUnixSeconds(1000), {1000}};
  EmulatedNetwork undisturbed(0, 2, network, 42, nullptr);
  EmulatedNetwork cut(0, 2, Partitioned(), 42, nullptr);
  EXPECT_FALSE(cut.Stamp(message)->has_value());
  cut.SetNetwork(network);
  EXPECT_EQ((**cut.Stamp(message))[0].jitter_ns, (**undisturbed.Stamp(message))[0].jitter_ns);
}

TEST(StampTest, WithoutANetworkOnlyThatOfAPacedRankBearsTimes) {
  EmulatedNetwork none(0, 2, NetworkOptions(), 42, nullptr);
  OutgoingMessage message{1, absl::FromUnixSeconds(1000), {1000, 500}};
  ASSERT_EQ((*none.Stamp(message))->size(), 2u);
  EXPECT_EQ((**none.Stamp(message))[1].last_bit_ns, 0);
  message.always = true;
  EXPECT_NE((**none.Stamp(message))[1].last_bit_ns, 0);
}

}  // namespace
}  // namespace edgetp
