// Steps with collectives that are started and waited for: audited against their plan, and accounts in
// which only what a rank has waited for has a cause.
#include "common/simulate/timeline.h"
#include "gmock/gmock.h"
#include "tests/transport/local_cluster.h"

namespace edgetp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

CollectiveStep Entry(CollectivePart part, int64_t elements, int64_t handle) {
  CollectiveStep step{kForwardTag, elements, WireFormat()};
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

// What an accelerator does: it copies before the start, and back after the wait.
TEST(OverlapStatsTest, CopiesOfAnAcceleratorAreStagingAndNoCompute) {
  LocalCluster cluster(2);
  ExpectAllOk(cluster.OnEachGroup({}, [](CollectiveGroup& group) {
    const std::vector<CollectiveStep> plan = {StartOf(100, 0), WaitOf(0), StartOf(100, 1),
                                              WaitOf(1)};
    std::vector<float> data(100, 1.0f);
    group.BeginStep(0, plan);
    for (int i = 0; i < 2; ++i) {
      group.BeginStaging();
      PassSomeTime();
      const auto handle = group.Start(kForwardTag, absl::MakeSpan(data));
      if (!handle.ok()) return handle.status();
      const absl::Status status = group.Wait(*handle);
      if (!status.ok()) return status;
      PassSomeTime();
      group.EndStaging();
    }
    const absl::Status end = group.EndStep();
    const StepStats stats = group.TakeStats();
    EXPECT_GE(stats.breakdown_seconds.staging(), 4 * 50e-6);
    EXPECT_EQ(stats.staged_bytes, 4 * 400);
    EXPECT_NEAR(Sum(stats.breakdown_seconds), absl::ToDoubleSeconds(stats.elapsed), 1e-9);
    EXPECT_EQ(stats.compute_gaps.size(), plan.size() + 1);
    return end;
  }));
}

// What the rank's own thread takes for an exchange under compute delays the rank, not its links: a
// prediction has to find it in the stretches between the plan's entries, not in the messages.
TEST(OverlapStatsTest, TheThreadsOwnSoftwareIsPartOfTheNextGap) {
  StatsCollector stats;
  stats.AddCompute(absl::Milliseconds(2));
  stats.AddThreadSoftware(absl::Milliseconds(1));
  stats.AddThreadSoftware(absl::Milliseconds(4));
  stats.AddCompute(absl::Milliseconds(3));
  stats.AddCompute(absl::Milliseconds(5));
  const StepStats step = stats.Take();
  EXPECT_THAT(step.compute_gaps, ElementsAre(absl::Milliseconds(2), absl::Milliseconds(8),
                                             absl::Milliseconds(5)));
  EXPECT_DOUBLE_EQ(step.breakdown_seconds.compute(), 0.010);
  EXPECT_DOUBLE_EQ(step.breakdown_seconds.software(), 0.005);
  EXPECT_EQ(step.exposed_software, absl::ZeroDuration());
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
