// Collectives of ranks that share no clock: each rank's stamps are an hour apart from the next
// one's. Until its clock is known, or where it is not known well enough, segments wait at their
// sender.
#include "absl/strings/str_cat.h"
#include "common/collective/registry.h"
#include "gmock/gmock.h"
#include "tests/transport/forwarding_transport.h"
#include "tests/transport/local_cluster.h"

namespace edgetp {
namespace {

constexpr int64_t kCounts[] = {1, 7, 1000, 30'000};

// Its rank's clock is ahead of this process's, in all that goes over the wire.
class OtherClock final : public ForwardingTransport {
 public:
  OtherClock(std::unique_ptr<SegmentTransport> inner, absl::Duration ahead)
      : ForwardingTransport(std::move(inner)), ahead_ns_(absl::ToInt64Nanoseconds(ahead)) {}

  absl::Status Send(int peer, const SegmentHeader& header,
                    absl::Span<const std::byte> payload) override {
    SegmentHeader mine = header;
    Move(&mine.times, ahead_ns_);
    return ForwardingTransport::Send(peer, mine, payload);
  }
  absl::Status SendProbe(int peer, const ClockProbe& probe) override {
    if (probe.answered_ns == 0)
      return ForwardingTransport::SendProbe(peer, {probe.sent_ns + ahead_ns_, 0, 0});
    return ForwardingTransport::SendProbe(
        peer, {probe.sent_ns, probe.received_ns + ahead_ns_, probe.answered_ns + ahead_ns_});
  }
  // The answer repeats what this rank has sent.
  std::optional<ReceivedProbe> TakeProbe(int peer) override {
    std::optional<ReceivedProbe> probe = ForwardingTransport::TakeProbe(peer);
    if (probe.has_value() && probe->probe.answered_ns != 0) probe->probe.sent_ns -= ahead_ns_;
    return probe;
  }

 private:
  static void Move(SegmentTimes* times, int64_t by_ns) {
    for (int64_t* stamp : {&times->handover_ns, &times->egress_start_ns, &times->first_bit_ns,
                           &times->last_bit_ns, &times->entered_ns, &times->sent_ns}) {
      if (*stamp != 0) *stamp += by_ns;
    }
  }

  const int64_t ahead_ns_;
};

std::unique_ptr<SegmentTransport> AnHourApart(int rank, std::unique_ptr<SegmentTransport> inner) {
  return std::make_unique<OtherClock>(std::move(inner), absl::Hours(rank));
}

// A clock that is set, for everybody who looks at it, in the middle of a run.
class JumpingClock final : public ForwardingTransport {
 public:
  using ForwardingTransport::ForwardingTransport;
  absl::Status SendProbe(int peer, const ClockProbe& probe) override {
    ClockProbe mine = probe;
    const int64_t by_ns = ++probes_ > 20 && probe.answered_ns != 0 ? 3'000'000'000 : 0;
    mine.received_ns += by_ns;
    mine.answered_ns += by_ns;
    return ForwardingTransport::SendProbe(peer, mine);
  }

 private:
  int probes_ = 0;
};

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
         b.jitter() + b.straggler() + b.staging() + b.transit();
}

TEST(ClockDomainsTest, DelaysAreNotShorterThanAskedAndTheTimesAreThisRanks) {
  Hosts hosts(2);
  constexpr int64_t kCount = 30'000;  // 120 kB: 2.4 ms at 400 Mbit/s, in three segments
  std::vector<Recorder> recorders(2);
  std::vector<absl::Time> begins(2);
  std::vector<absl::Time> ends(2);
  std::vector<absl::Duration> bounds(2);
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
    EXPECT_FALSE((*group)->one_clock());
    bounds[rank] = absl::Microseconds((*group)->TotalFidelity().clock_bound_us());
    return status;
  }));
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_GE(ends[rank] - begins[1 - rank], absl::Microseconds(4400) - bounds[rank]);
    ASSERT_EQ(recorders[rank].deliveries.size(), 3u);
    for (const Delivery& delivery : recorders[rank].deliveries) {
      EXPECT_GE(delivery.asked, absl::Microseconds(2800));
      EXPECT_GE(delivery.realised, delivery.asked);
      EXPECT_LT(delivery.realised, absl::Minutes(1)) << "the clocks are an hour apart";
    }
  }
}

// Steps of one all-reduce, until one has what the test asks for. All ranks make the same number.
absl::Status StepUntil(CollectiveGroup* group, const std::function<bool(const StepStats&)>& has) {
  constexpr int64_t kCount = 1000;
  const absl::Time deadline = MonotonicNow() + kTestDeadline;
  while (MonotonicNow() < deadline) {
    group->BeginStep(0, {{kForwardTag, kCount, WireFormat()}});
    std::vector<float> data(kCount, 1.0f);
    absl::Status status = group->AllReduce(kForwardTag, absl::MakeSpan(data));
    status.Update(group->EndStep());
    if (!status.ok()) return status;
    const StepStats stats = group->TakeStats();
    EXPECT_NEAR(Sum(stats.breakdown_seconds), absl::ToDoubleSeconds(stats.elapsed), 1e-9);
    float missing = has(stats) ? 0.0f : 1.0f;
    status = group->AllReduce({TrafficClass::kControl}, absl::MakeSpan(&missing, 1));
    if (!status.ok() || missing == 0) return status;
  }
  return absl::DeadlineExceededError("no step has had it");
}

// Nobody holds at 100 ms, unless the round trip of this process takes 20 ms, always.
TEST(ClockDomainsTest, WhereTheClocksAreKnownReceiversHold) {
  Hosts hosts(3);
  NetworkOptions network;
  network.link.delay = absl::Milliseconds(100);
  CollectiveGroupOptions options = Options("direct", network);
  options.emulate_all = false;
  ExpectAllOk(hosts.OnEachGroup(
      options,
      [](CollectiveGroup& group) {
        return StepUntil(&group, [](const StepStats& stats) {
          const v1::Fidelity& fidelity = stats.fidelity;
          return !fidelity.held_by_senders() && fidelity.clock_bound_us() > 0 &&
                 fidelity.clock_seconds() > 0 && fidelity.late_messages() == 0 &&
                 stats.breakdown_seconds.propagation() > 0.08;
        });
      },
      &AnHourApart));
}

TEST(ClockDomainsTest, WithoutEmulationTheWayBetweenHostsIsTransit) {
  Hosts hosts(2);
  const CollectiveGroupOptions options = Options("direct", NetworkOptions());
  ExpectAllOk(hosts.OnEachGroup(
      options,
      [](CollectiveGroup& group) {
        return StepUntil(&group, [](const StepStats& stats) {
          return stats.breakdown_seconds.transit() > 0 &&
                 stats.exposed_software > absl::ZeroDuration();
        });
      },
      &AnHourApart));
  LocalCluster host(2);
  ExpectAllOk(host.OnEachGroup(options, [](CollectiveGroup& group) {
    return StepUntil(&group, [](const StepStats& stats) {
      EXPECT_EQ(stats.breakdown_seconds.transit(), 0);
      return true;
    });
  }));
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

TEST(ClockDomainsTest, AClockThatJumpsEndsTheRunWithTheRule) {
  Hosts hosts(2);
  const auto results = hosts.OnEachGroup(
      Options("direct", NetworkOptions()),
      [](CollectiveGroup& group) {
        return StepUntil(&group, [](const StepStats&) { return false; });
      },
      [](int rank, std::unique_ptr<SegmentTransport> inner) -> std::unique_ptr<SegmentTransport> {
        if (rank == 0) return inner;
        return std::make_unique<JumpingClock>(std::move(inner));
      });
  EXPECT_EQ(results[0].code(), absl::StatusCode::kFailedPrecondition) << results[0];
  EXPECT_THAT(std::string(results[0].message()),
              testing::AllOf(testing::HasSubstr("clocks of rank 0 and rank 1, on two hosts"),
                             testing::HasSubstr("a clock jumped by at least 3 s"),
                             testing::HasSubstr("at most 0.1 %")));
  EXPECT_FALSE(results[1].ok());
}

}  // namespace
}  // namespace edgetp
