// Collectives that are started and waited for: the same sums as blocking ones, errors that reach who
// waits, and accounts in which only what was waited for has a cause.
#include <atomic>
#include <cstring>
#include <future>
#include <thread>

#include "common/collective/registry.h"
#include "common/simulate/timeline.h"
#include "gmock/gmock.h"
#include "tests/transport/forwarding_transport.h"
#include "tests/transport/local_cluster.h"
#include "worker/transport/blame.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

CollectiveTag TagOf(int index) {
  const bool forward = index % 2 == 0;
  return {forward ? TrafficClass::kActivationForward : TrafficClass::kActivationBackward,
          forward ? Phase::kForward : Phase::kBackward, index};
}

// Six buffers of several sizes, an empty one among them.
std::vector<std::vector<float>> Buffers(int rank) {
  std::vector<std::vector<float>> buffers;
  for (const int64_t size : {5000, 1, 0, 777, 5000, 12}) {
    buffers.push_back(TestValues(rank + static_cast<int>(buffers.size()), size));
  }
  return buffers;
}

absl::Status SumEach(CollectiveGroup& group, std::vector<std::vector<float>>* buffers) {
  for (size_t i = 0; i < buffers->size(); ++i) {
    const absl::Status status =
        group.AllReduce(TagOf(static_cast<int>(i)), absl::MakeSpan((*buffers)[i]));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// The same exchanges in the same order: 0, 1 and 2 are started, 3 blocks, 4 is started and waited for
// before 1, 5 blocks, and 2 and 0 come last.
absl::Status SumOverlapped(CollectiveGroup& group, std::vector<std::vector<float>>* buffers) {
  std::vector<int64_t> handles(buffers->size());
  const auto start = [&](int i) {
    const auto handle = group.Start(TagOf(i), absl::MakeSpan((*buffers)[i]));
    handles[i] = handle.value_or(-1);
    return handle.status();
  };
  const auto wait = [&](int i) { return group.Wait(handles[i]); };
  const auto all_reduce = [&](int i) {
    return group.AllReduce(TagOf(i), absl::MakeSpan((*buffers)[i]));
  };
  absl::Status status;
  status.Update(start(0));
  status.Update(start(1));
  status.Update(start(2));
  status.Update(all_reduce(3));
  status.Update(start(4));
  status.Update(wait(4));
  status.Update(wait(1));
  status.Update(all_reduce(5));
  status.Update(wait(2));
  status.Update(wait(0));
  return status;
}

class EveryAlgorithmOverlap : public testing::TestWithParam<std::string> {};

TEST_P(EveryAlgorithmOverlap, SumsHaveTheBitsOfBlockingOnes) {
  for (const int world_size : {1, 2, 3, 4, 5}) {
    for (const bool overlap : {true, false}) {
      LocalCluster cluster(world_size);
      CollectiveGroupOptions options;
      options.choose = FixedAlgorithm(GetParam());
      options.segment_bytes = 1000;
      options.wire_backward = "bf16";
      options.overlap = overlap;
      ExpectAllOk(cluster.OnEachGroup(options, [](CollectiveGroup& group) {
        std::vector<std::vector<float>> want = Buffers(group.rank());
        absl::Status status = SumEach(group, &want);
        for (int round = 0; round < 3 && status.ok(); ++round) {
          std::vector<std::vector<float>> got = Buffers(group.rank());
          status = SumOverlapped(group, &got);
          EXPECT_EQ(got, want) << "round " << round;
        }
        return status;
      }));
    }
  }
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Algorithm& algorithm : Algorithms()) names.push_back(algorithm.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryAlgorithmOverlap, testing::ValuesIn(Names()),
                         [](const auto& info) { return info.param; });

TEST(OverlapTest, RanksWithoutACommonClockOverlapToo) {
  LocalCluster cluster(3);
  cluster.members()[1].clock_domain = "another";
  CollectiveGroupOptions options;
  options.network.link.delay = absl::Milliseconds(2);
  ExpectAllOk(cluster.OnEachGroup(options, [](CollectiveGroup& group) {
    EXPECT_TRUE(group.held_by_senders());
    std::vector<std::vector<float>> want = Buffers(group.rank());
    std::vector<std::vector<float>> got = want;
    absl::Status status = SumEach(group, &want);
    status.Update(SumOverlapped(group, &got));
    EXPECT_EQ(got, want);
    return status;
  }));
}

// Passes everything on, but fails one send.
class FailingTransport final : public ForwardingTransport {
 public:
  FailingTransport(std::unique_ptr<SegmentTransport> inner, int failing_send)
      : ForwardingTransport(std::move(inner)), sends_left_(failing_send) {}

  absl::Status Send(int peer, const SegmentHeader& header,
                    absl::Span<const std::byte> payload) override {
    if (sends_left_-- == 0) return absl::UnavailableError("injected");
    return ForwardingTransport::Send(peer, header, payload);
  }

 private:
  int sends_left_;
};

// Buffers are freed as soon as the group has said that something failed: under ASan, nothing touches
// them any more.
TEST(OverlapFailureTest, WhicheverSendFailsEveryRankEndsWithAStatus) {
  for (int failing = 0; failing < 12; ++failing) {
    LocalCluster cluster(3);
    CollectiveGroupOptions options;
    options.segment_bytes = 1000;
    const auto results = cluster.OnEachGroup(
        options,
        [](CollectiveGroup& group) {
          std::vector<std::vector<float>> buffers = Buffers(group.rank());
          return SumOverlapped(group, &buffers);
        },
        [failing](int rank,
                  std::unique_ptr<SegmentTransport> inner) -> std::unique_ptr<SegmentTransport> {
          if (rank != 1) return inner;
          return std::make_unique<FailingTransport>(std::move(inner), failing);
        });
    EXPECT_THAT(Message(results[1]), HasSubstr("injected"));
    for (const int other : {0, 2}) {
      EXPECT_TRUE(results[other].ok() || results[other].code() == absl::StatusCode::kUnavailable)
          << results[other];
    }
  }
}

// Rank 0 starts two exchanges that the other one never joins, lets `meanwhile` happen, and waits.
absl::Status Abandoned(const CollectiveGroupOptions& options,
                       const std::function<void(CollectiveGroup&)>& meanwhile,
                       const std::function<absl::Status(CollectiveGroup&, int64_t)>& wait) {
  LocalCluster cluster(2);
  std::promise<void> done;  // the other stays until then: its end must not be what rank 0 sees
  return cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
    if (group.rank() == 1) {
      done.get_future().wait_for(std::chrono::seconds(20));
      return absl::OkStatus();
    }
    std::vector<float> first(5000, 1.0f);
    std::vector<float> second(5000, 1.0f);
    const auto handle = group.Start(kForwardTag, absl::MakeSpan(first));
    const auto behind = group.Start(kForwardTag, absl::MakeSpan(second));
    EXPECT_TRUE(handle.ok() && behind.ok());
    meanwhile(group);
    const absl::Status status = wait(group, *handle);
    EXPECT_FALSE(group.Wait(*behind).ok());
    EXPECT_FALSE(group.AllReduce(kForwardTag, absl::MakeSpan(first)).ok());
    done.set_value();
    return status;
  })[0];
}

absl::Status JustWait(CollectiveGroup& group, int64_t handle) { return group.Wait(handle); }

TEST(OverlapFailureTest, AbortReachesWhatIsUnderWay) {
  const absl::Status cause = absl::AbortedError("rank 3 failed: disk full");
  const absl::Status before = Abandoned(
      {}, [&](CollectiveGroup& group) { group.Abort(cause); }, &JustWait);
  EXPECT_EQ(before.code(), cause.code());
  EXPECT_THAT(Message(before), HasSubstr("disk full"));
  const absl::Status during = Abandoned(
      {}, [](CollectiveGroup&) {},
      [&](CollectiveGroup& group, int64_t handle) {
        std::thread control([&] { group.Abort(cause); });
        const absl::Status status = group.Wait(handle);
        control.join();
        return status;
      });
  EXPECT_THAT(Message(during), HasSubstr("disk full"));
}

TEST(OverlapFailureTest, TheDeadlineCountsFromWhenAnExchangeBegins) {
  CollectiveGroupOptions options;
  options.deadline = absl::Milliseconds(20);
  const absl::Status status = Abandoned(
      options, [](CollectiveGroup&) {}, &JustWait);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Message(status), HasSubstr("all_reduce recv: deadline exceeded (rank=0 peer=1"));
}

TEST(OverlapFailureTest, ABlockingCollectiveFailsWithWhatFailedBeforeIt) {
  CollectiveGroupOptions options;
  options.deadline = absl::Milliseconds(20);
  const absl::Status status = Abandoned(
      options, [](CollectiveGroup&) {},
      [](CollectiveGroup& group, int64_t) {
        float scalar = 1;
        return group.AllReduce(kForwardTag, absl::MakeSpan(&scalar, 1));
      });
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(OverlapFailureTest, APeerThatIsGoneIsNamed) {
  LocalCluster cluster(2);
  const auto results = cluster.OnEachGroup({}, [](CollectiveGroup& group) {
    if (group.rank() == 1) {
      group.Abort(absl::InternalError("crash"));
      return absl::OkStatus();
    }
    std::vector<float> data(5000, 1.0f);
    const auto handle = group.Start(kForwardTag, absl::MakeSpan(data));
    return handle.ok() ? group.Wait(*handle) : handle.status();
  });
  EXPECT_EQ(results[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(BlamedRank(results[0]), 1);
}

TEST(OverlapFailureTest, AGroupMayEndWhileExchangesAreUnderWay) {
  LocalCluster cluster(2);
  std::vector<std::unique_ptr<PeerGroup>> peers(2);
  ExpectAllOk(cluster.OnEachRank([&](int rank) {
    peers[rank] = cluster.Connected(rank);
    return absl::OkStatus();
  }));
  std::vector<float> data(5000, 1.0f);
  auto group = CollectiveGroup::Create(std::move(peers[0]), {});
  ASSERT_TRUE((*group)->Start(kForwardTag, absl::MakeSpan(data)).ok());
  ASSERT_TRUE((*group)->Start(kForwardTag, absl::MakeSpan(data)).ok());
  group->reset();
}

TEST(OverlapFailureTest, WaitingTwiceOrForNothingIsInternal) {
  LocalCluster cluster(2);
  ExpectAllOk(cluster.OnEachGroup({}, [](CollectiveGroup& group) {
    std::vector<float> data(10, 1.0f);
    const auto handle = group.Start(kForwardTag, absl::MakeSpan(data));
    if (!handle.ok()) return handle.status();
    const absl::Status status = group.Wait(*handle);
    EXPECT_EQ(group.Wait(*handle).code(), absl::StatusCode::kInternal);
    EXPECT_EQ(group.Wait(17).code(), absl::StatusCode::kInternal);
    return status;
  }));
}

CollectiveStep Entry(CollectivePart part, int64_t elements, int64_t handle) {
  CollectiveStep step{kForwardTag, elements, 4 * elements};
  step.part = part;
  step.handle = handle;
  return step;
}
CollectiveStep StartOf(int64_t elements, int64_t handle) {
  return Entry(CollectivePart::kStart, elements, handle);
}
CollectiveStep WaitOf(int64_t handle) { return Entry(CollectivePart::kWait, 0, handle); }
CollectiveStep Blocking(int64_t elements) { return Entry(CollectivePart::kBoth, elements, -1); }

// Does what `actual` says in a step.
absl::Status Perform(CollectiveGroup& group, const std::vector<CollectiveStep>& actual) {
  std::vector<std::vector<float>> buffers(actual.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    const CollectiveStep& step = actual[i];
    buffers[i].assign(step.elements, 1.0f);
    absl::Status status;
    if (step.part == CollectivePart::kWait) status = group.Wait(step.handle);
    if (step.part == CollectivePart::kBoth)
      status = group.AllReduce(step.tag, absl::MakeSpan(buffers[i]));
    if (step.part == CollectivePart::kStart)
      status = group.Start(step.tag, absl::MakeSpan(buffers[i])).status();
    if (!status.ok()) return status;
  }
  return group.EndStep();
}

absl::Status Step(const std::vector<CollectiveStep>& expected,
                  const std::vector<CollectiveStep>& actual) {
  LocalCluster cluster(2);
  return cluster.OnEachGroup({}, [&](CollectiveGroup& group) {
    group.BeginStep(7, expected);
    return Perform(group, actual);
  })[0];
}

TEST(OverlapAuditTest, StartsAndWaitsAreThoseOfThePlan) {
  const std::vector<CollectiveStep> plan = {StartOf(100, 0), StartOf(10, 1), WaitOf(0), Blocking(5),
                                            WaitOf(1),       StartOf(3, 2),  WaitOf(2)};
  EXPECT_TRUE(Step(plan, plan).ok());
}

TEST(OverlapAuditTest, AnotherPartOrHandleIsInternalAndNamesBoth) {
  const std::vector<CollectiveStep> plan = {StartOf(100, 0), StartOf(100, 1), WaitOf(0), WaitOf(1)};
  const auto differs = [&plan](const std::vector<CollectiveStep>& actual) {
    const absl::Status status = Step(plan, actual);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    return Message(status);
  };
  EXPECT_THAT(differs({StartOf(100, 0), StartOf(100, 1), WaitOf(1)}),
              HasSubstr("index=2 want={wait handle=0} got={wait handle=1}"));
  EXPECT_THAT(differs({StartOf(100, 0), Blocking(100)}),
              HasSubstr("want={start handle=1 activation_fwd"));
  EXPECT_THAT(differs({StartOf(100, 0), StartOf(101, 1)}), HasSubstr("got={start handle=1"));
  EXPECT_THAT(differs({StartOf(100, 0), StartOf(100, 1), WaitOf(0)}), HasSubstr("ended early"));
}

double Sum(const v1::Breakdown& b) {
  return b.compute() + b.software() + b.queueing() + b.serialization() + b.propagation() +
         b.jitter() + b.straggler() + b.staging();
}

TEST(OverlapStatsTest, TheBreakdownAddsUpAndBytesAreCountedOnce) {
  LocalCluster cluster(2);
  CollectiveGroupOptions options;
  options.choose = FixedAlgorithm("direct");
  options.network.link.delay = absl::Milliseconds(1);
  const std::vector<CollectiveStep> plan = {StartOf(100, 0), StartOf(200, 1), WaitOf(0), WaitOf(1),
                                            Blocking(300)};
  ExpectAllOk(cluster.OnEachGroup(options, [&plan](CollectiveGroup& group) {
    group.BeginStep(0, plan);
    const absl::Status status = Perform(group, plan);
    const StepStats stats = group.TakeStats();
    EXPECT_NEAR(Sum(stats.breakdown_seconds), absl::ToDoubleSeconds(stats.elapsed), 1e-9);
    EXPECT_EQ(stats.bytes.activation_fwd(), 4 * 600);
    EXPECT_EQ(stats.messages, 3);
    EXPECT_EQ(stats.compute_gaps.size(), plan.size() + 1);
    EXPECT_GE(stats.hidden, absl::ZeroDuration());
    return status;
  }));
}

// The device's clock decides, so that a busy host changes nothing: the blocking all-reduce brings the
// ranks within one delay of each other, and then each one's exchange is done two delays after it
// starts, at most.
constexpr absl::Duration kDelay = absl::Milliseconds(20);

struct PacedStep {
  absl::Duration compute;  // under which the exchange runs
  double efficiency = 1;
  std::vector<StepStats> stats = std::vector<StepStats>(2);

  void Run() {
    LocalCluster cluster(2);
    CollectiveGroupOptions options;
    options.choose = FixedAlgorithm("direct");
    options.network.link.delay = kDelay;
    options.device = DeviceOptions{.overlap_efficiency = efficiency};
    const std::vector<CollectiveStep> plan = {Blocking(10), StartOf(10, 0), WaitOf(0)};
    const absl::Duration none;
    ExpectAllOk(cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
      group.BeginStep(0, plan, {none, none, compute, none});
      const absl::Status status = Perform(group, plan);
      stats[group.rank()] = group.TakeStats();
      return status;
    }));
  }
  template <typename Value>
  double SumOver(Value value) const {
    return value(stats[0]) + value(stats[1]);
  }
};

double Seconds(const StepStats& stats) { return absl::ToDoubleSeconds(stats.hidden); }
double Propagation(const StepStats& stats) { return stats.breakdown_seconds.propagation(); }

TEST(OverlapPacedTest, AnExchangeThatIsShorterThanTheComputeHasNoCause) {
  PacedStep step{.compute = 3 * kDelay};
  step.Run();
  EXPECT_NEAR(step.SumOver(Seconds), 2 * absl::ToDoubleSeconds(kDelay), 1e-6);
  // Of the blocking one alone.
  EXPECT_LE(step.SumOver(Propagation), 2 * absl::ToDoubleSeconds(kDelay) + 1e-6);
  for (const StepStats& stats : step.stats)
    EXPECT_NEAR(Sum(stats.breakdown_seconds), absl::ToDoubleSeconds(stats.elapsed), 1e-9);
}

TEST(OverlapPacedTest, AnExchangeThatNothingHidesIsWaitedFor) {
  PacedStep step{.compute = absl::ZeroDuration()};
  step.Run();
  EXPECT_NEAR(step.SumOver(Seconds), 0, 1e-9);
  EXPECT_GE(step.SumOver(Propagation), 2 * absl::ToDoubleSeconds(kDelay) - 1e-6);
}

TEST(OverlapPacedTest, WhatTheDeviceDoesNotHideIsPaidFor) {
  PacedStep step{.compute = 3 * kDelay, .efficiency = 0.25};
  step.Run();
  EXPECT_NEAR(step.SumOver(Seconds), 0.25 * 2 * absl::ToDoubleSeconds(kDelay), 1e-6);
  EXPECT_GE(step.SumOver([](const StepStats& stats) { return stats.breakdown_seconds.software(); }),
            0.75 * 2 * absl::ToDoubleSeconds(kDelay) - 1e-6);
}

// A ladder: each exchange runs under the compute that follows, and is waited for after it. What a
// step's hidden time and waits come to depends on the device's clock alone, but for the delay by which
// the ranks may be apart at first.
struct Ladder {
  static constexpr int kBlocks = 20;
  static constexpr int64_t kElements = 10'000;  // 10 ms on the wire

  explicit Ladder(absl::Duration each) {
    plan = {Blocking(1)};
    compute = {absl::ZeroDuration(), each};
    for (int i = 0; i < kBlocks; ++i) {
      plan.push_back(StartOf(kElements, i));
      compute.push_back(each);
      if (i == 0) continue;
      plan.push_back(WaitOf(i - 1));
      compute.push_back(absl::ZeroDuration());
    }
    plan.push_back(WaitOf(kBlocks - 1));
    compute.push_back(absl::ZeroDuration());
    network.link.delay = absl::Milliseconds(1);
    network.link.rate_bits_per_second = 32e6;
    device.message_overhead = absl::Microseconds(100);
    device.overlap_efficiency = 0.7;
  }

  std::vector<CollectiveStep> plan;
  std::vector<absl::Duration> compute;
  NetworkOptions network;
  DeviceOptions device;
};

double Waits(const v1::Breakdown& b) {
  return b.queueing() + b.serialization() + b.propagation() + b.straggler();
}

TEST(OverlapPacedTest, TheSimulatorSaysTheSame) {
  for (const absl::Duration compute : {absl::Milliseconds(4), absl::Milliseconds(15)}) {
    const Ladder ladder(compute);
    LocalCluster cluster(2);
    CollectiveGroupOptions options;
    options.choose = FixedAlgorithm("direct");
    options.network = ladder.network;
    options.device = ladder.device;
    std::vector<StepStats> stats(2);
    ExpectAllOk(cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
      group.BeginStep(0, ladder.plan, ladder.compute);
      const absl::Status status = Perform(group, ladder.plan);
      stats[group.rank()] = group.TakeStats();
      return status;
    }));

    TimelineOptions timeline;
    timeline.world_size = 2;
    timeline.network = ladder.network;
    timeline.algorithm = "direct";
    timeline.devices = {ladder.device};
    StepPlan plan;
    plan.world_size = 2;
    plan.steps.assign(2, std::vector<PlanStep>(ladder.plan.begin(), ladder.plan.end()));
    const StepTimeline simulated =
        TimelineSimulator::Create(timeline)->RunStep(plan, ComputeTable(2, ladder.compute)).value();
    const double delay_s = absl::ToDoubleSeconds(ladder.network.link.delay);
    EXPECT_NEAR((Seconds(stats[0]) + Seconds(stats[1])) / 2,
                absl::ToDoubleSeconds(simulated.MeanHidden()), 2 * delay_s);
    EXPECT_NEAR((Waits(stats[0].breakdown_seconds) + Waits(stats[1].breakdown_seconds)) / 2,
                Waits(ToProto(simulated.MeanBreakdown())), 3 * delay_s);
  }
}

}  // namespace
}  // namespace edgetp
