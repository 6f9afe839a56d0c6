// Collectives of ranks that share no clock: each rank's stamps are an hour apart from the next
// one's, and its segments wait at their sender.
#include "absl/strings/str_cat.h"
#include "common/collective/registry.h"
#include "gmock/gmock.h"
#include "tests/transport/forwarding_transport.h"
#include "tests/transport/local_cluster.h"

namespace edgetp {
namespace {

constexpr int64_t kCounts[] = {1, 7, 1000, 30'000};

// Its rank's clock is ahead of the others'.
class OtherClock final : public ForwardingTransport {
 public:
  OtherClock(std::unique_ptr<SegmentTransport> inner, absl::Duration ahead)
      : ForwardingTransport(std::move(inner)), ahead_ns_(absl::ToInt64Nanoseconds(ahead)) {}

  absl::Status Send(int peer, const SegmentHeader& header,
                    absl::Span<const std::byte> payload) override {
    SegmentHeader mine = header;
    for (int64_t* stamp :
         {&mine.times.handover_ns, &mine.times.egress_start_ns, &mine.times.first_bit_ns,
          &mine.times.last_bit_ns, &mine.times.entered_ns}) {
      if (*stamp != 0) *stamp += ahead_ns_;
    }
    return ForwardingTransport::Send(peer, mine, payload);
  }

 private:
  const int64_t ahead_ns_;
};

std::unique_ptr<SegmentTransport> AnHourApart(int rank, std::unique_ptr<SegmentTransport> inner) {
  return std::make_unique<OtherClock>(std::move(inner), absl::Hours(rank));
}

class Hosts : public LocalCluster {
 public:
  explicit Hosts(int world_size) : LocalCluster(world_size) {
    for (size_t r = 0; r < members().size(); ++r)
      members()[r].clock_domain = absl::StrCat("host", r);
  }
};

NetworkOptions SlowLinks() {
  NetworkOptions network;
  network.name = "test";
  network.link.delay = absl::Milliseconds(2);
  network.link.rate_bits_per_second = 400e6;
  return network;
}

CollectiveGroupOptions Options(const std::string& algorithm, NetworkOptions network) {
  CollectiveGroupOptions options;
  options.choose = FixedAlgorithm(algorithm);
  options.segment_bytes = 40'000;
  options.network = std::move(network);
  return options;
}

// Sums every count. Result: the bits, [rank][index of kCounts].
using Bits = std::vector<std::vector<std::vector<float>>>;
Bits SumEverywhere(LocalCluster* cluster, const CollectiveGroupOptions& options,
                   const LocalCluster::Wrap& wrap = nullptr) {
  Bits sums(cluster->world_size());
  ExpectAllOk(cluster->OnEachGroup(
      options,
      [&](CollectiveGroup& group) {
        for (const int64_t count : kCounts) {
          std::vector<float> data = TestValues(group.rank(), count);
          const absl::Status status = group.AllReduce(kForwardTag, absl::MakeSpan(data));
          if (!status.ok()) return status;
          sums[group.rank()].push_back(std::move(data));
        }
        return absl::OkStatus();
      },
      wrap));
  return sums;
}

TEST(ClockDomainsTest, EveryAlgorithmGivesTheBitsOfOneClock) {
  for (const Algorithm& algorithm : Algorithms()) {
    LocalCluster host(3);
    Hosts hosts(3);
    const CollectiveGroupOptions options = Options(algorithm.name, SlowLinks());
    const Bits one = SumEverywhere(&host, options);
    const Bits many = SumEverywhere(&hosts, options, &AnHourApart);
    EXPECT_EQ(many, one) << algorithm.name;  // no value of the test is NaN or -0
  }
}

TEST(ClockDomainsTest, WithoutLimitsNothingIsHeld) {
  Hosts hosts(3);
  LocalCluster host(3);
  const CollectiveGroupOptions options = Options("two_phase", NetworkOptions());
  EXPECT_EQ(SumEverywhere(&hosts, options, &AnHourApart), SumEverywhere(&host, options));
}

class Recorder final : public CollectiveObserver {
 public:
  void OnCollective(const CollectiveObservation&) override {}
  void OnSent(int, int64_t) override {}
  void OnDelivery(const Delivery& delivery) override { deliveries.push_back(delivery); }
  std::vector<Delivery> deliveries;
};

double Sum(const v1::Breakdown& b) {
  return b.compute() + b.software() + b.queueing() + b.serialization() + b.propagation() +
         b.jitter() + b.straggler() + b.staging();
}

TEST(ClockDomainsTest, DelaysAreNotShorterThanAskedAndTheTimesAreThisRanks) {
  Hosts hosts(2);
  constexpr int64_t kCount = 30'000;  // 120 kB: 2.4 ms at 400 Mbit/s, in three segments
  std::vector<Recorder> recorders(2);
  std::vector<absl::Time> begins(2);
  std::vector<absl::Time> ends(2);
  ExpectAllOk(hosts.OnEachRank([&](int rank) {
    CollectiveGroupOptions options = Options("direct", SlowLinks());
    options.observer = &recorders[rank];
    auto group = CollectiveGroup::Create(AnHourApart(rank, hosts.Connected(rank)), options);
    (*group)->BeginStep(0, {{kForwardTag, kCount, WireFormat()}});
    std::vector<float> data(kCount, 1.0f);
    begins[rank] = MonotonicNow();
    const absl::Status status = (*group)->AllReduce(kForwardTag, absl::MakeSpan(data));
    ends[rank] = MonotonicNow();
    EXPECT_TRUE((*group)->EndStep().ok());
    const StepStats stats = (*group)->TakeStats();
    EXPECT_NEAR(Sum(stats.breakdown_seconds), absl::ToDoubleSeconds(stats.elapsed), 1e-9);
    EXPECT_TRUE((*group)->held_by_senders());
    EXPECT_TRUE((*group)->TotalFidelity().held_by_senders());
    return status;
  }));
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_GE(ends[rank] - begins[1 - rank], absl::Microseconds(4400));
    ASSERT_EQ(recorders[rank].deliveries.size(), 3u);
    for (const Delivery& delivery : recorders[rank].deliveries) {
      EXPECT_GE(delivery.asked, absl::Microseconds(2800));
      EXPECT_GE(delivery.realised, delivery.asked);
      EXPECT_LT(delivery.realised, absl::Minutes(1)) << "the clocks are an hour apart";
    }
  }
}

TEST(ClockDomainsTest, ANewProfileHoldsTheNextMessageAndNoneFreesIt) {
  Hosts hosts(2);
  ExpectAllOk(hosts.OnEachGroup(Options("direct", NetworkOptions()), [](CollectiveGroup& group) {
    std::vector<float> data(100, 1.0f);
    for (const NetworkOptions& network : {SlowLinks(), NetworkOptions(), SlowLinks()}) {
      group.SetNetwork(network);
      const absl::Status status = group.AllReduce(kForwardTag, absl::MakeSpan(data));
      if (!status.ok()) return status;
    }
    EXPECT_EQ(data[0], 8.0f);
    EXPECT_EQ(group.TakeStats().fidelity.messages(), 2);
    return absl::OkStatus();
  }));
}

// What a rank has sent last is still held when it has its own result and leaves.
TEST(ClockDomainsTest, ARankThatLeavesFirstStillDelivers) {
  Hosts hosts(2);
  NetworkOptions network;
  network.overrides[{0, 1}].delay = absl::Milliseconds(50);
  ExpectAllOk(hosts.OnEachGroup(Options("direct", network), [](CollectiveGroup& group) {
    std::vector<float> data(100, 1.0f);
    return group.AllReduce(kForwardTag, absl::MakeSpan(data));
  }));
}

TEST(ClockDomainsTest, APeerThatDiesWhileSegmentsAreHeldIsNamed) {
  Hosts hosts(2);
  NetworkOptions network = SlowLinks();
  network.link.delay = absl::Hours(1);
  const auto results = hosts.OnEachGroup(Options("direct", network), [](CollectiveGroup& group) {
    if (group.rank() == 1) {
      group.Abort(absl::InternalError("crash"));
      return absl::OkStatus();
    }
    std::vector<float> data(100, 1.0f);
    return group.AllReduce(kForwardTag, absl::MakeSpan(data));
  });
  EXPECT_EQ(results[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(results[0].message()), testing::HasSubstr("peer=1"));
}

}  // namespace
}  // namespace edgetp
