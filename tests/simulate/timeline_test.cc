#include "common/simulate/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "absl/strings/str_cat.h"
#include "common/collective/registry.h"
#include "common/network/link_model.h"
#include "tests/simulate/plans.h"

namespace edgetp {
namespace {

using testing::AllReducePlan;
using ::testing::HasSubstr;
using testing::NoCompute;

constexpr absl::Duration kDelay = absl::Milliseconds(3);
constexpr double kRate = 300e6;
constexpr int64_t kElements = 840 * 256;  // every world size up to 8 divides it evenly
constexpr absl::Duration kExact = absl::Microseconds(1);

absl::Duration OnWire(double elements) { return absl::Seconds(8 * 4 * elements / kRate); }

TimelineOptions UniformOptions(int world_size, const std::string& algorithm) {
  TimelineOptions options;
  options.world_size = world_size;
  options.network.link.delay = kDelay;
  options.network.link.rate_bits_per_second = kRate;
  options.algorithm = algorithm;
  return options;
}

StepTimeline RunOnce(const TimelineOptions& options, const StepPlan& plan,
                     const ComputeTable& compute) {
  return TimelineSimulator::Create(options)->RunStep(plan, compute).value();
}

absl::Duration OneAllReduce(const TimelineOptions& options, int64_t elements = kElements) {
  const StepPlan plan = AllReducePlan(options.world_size, {elements});
  return RunOnce(options, plan, NoCompute(plan)).duration;
}

void ExpectNear(absl::Duration got, absl::Duration want) {
  EXPECT_LE(absl::AbsDuration(got - want), kExact) << "got " << got << " want " << want;
}

TEST(ClosedFormTest, Direct) {
  for (const int p : {2, 3, 4, 5, 7, 8}) {
    ExpectNear(OneAllReduce(UniformOptions(p, "direct")), kDelay + (p - 1) * OnWire(kElements));
  }
}

TEST(ClosedFormTest, TwoPhase) {
  for (const int p : {2, 3, 4, 5, 7, 8}) {
    ExpectNear(OneAllReduce(UniformOptions(p, "two_phase")),
               2 * kDelay + 2 * (p - 1) * OnWire(1.0 * kElements / p));
  }
}

TEST(ClosedFormTest, Ring) {
  for (const int p : {2, 3, 4, 5, 7, 8}) {
    ExpectNear(OneAllReduce(UniformOptions(p, "ring")),
               2 * (p - 1) * (kDelay + OnWire(1.0 * kElements / p)));
  }
}

absl::Duration HalvingAndDoubling(int core) {
  const int rounds = std::bit_width(static_cast<unsigned>(core)) - 1;
  return 2 * rounds * kDelay + 2 * OnWire(1.0 * kElements * (core - 1) / core);
}

TEST(ClosedFormTest, HalvingDoubling) {
  for (const int p : {2, 4, 8}) {
    ExpectNear(OneAllReduce(UniformOptions(p, "halving_doubling")), HalvingAndDoubling(p));
  }
}

TEST(ClosedFormTest, HalvingDoublingFoldsAndUnfoldsOtherWorldSizes) {
  for (const int p : {3, 5, 7}) {
    TimelineOptions options = UniformOptions(p, "halving_doubling");
    options.network.interface_sharing =
        false;  // else the fold shares its receiver with early halves
    const int core = static_cast<int>(std::bit_floor(static_cast<unsigned>(p)));
    ExpectNear(OneAllReduce(options), 2 * (kDelay + OnWire(kElements)) + HalvingAndDoubling(core));
  }
}

TEST(ClosedFormTest, Star) {
  for (const int p : {2, 3, 4, 5, 7, 8}) {
    ExpectNear(OneAllReduce(UniformOptions(p, "star")),
               2 * kDelay + 2 * (p - 1) * OnWire(kElements));
  }
}

TEST(ClosedFormTest, SegmentsDoNotChangeTheTimeOfAMessage) {
  TimelineOptions options = UniformOptions(4, "direct");
  options.segment_bytes = 1000;
  ExpectNear(OneAllReduce(options), kDelay + 3 * OnWire(kElements));
}

TEST(ClosedFormTest, WithoutInterfaceSharingDirectTakesOneMessageTime) {
  TimelineOptions options = UniformOptions(8, "direct");
  options.network.interface_sharing = false;
  ExpectNear(OneAllReduce(options), kDelay + OnWire(kElements));
}

TEST(ClosedFormTest, OnASharedMediumEveryByteOfEverybodyIsSerialized) {
  for (const int p : {2, 4, 5}) {
    TimelineOptions options = UniformOptions(p, "direct");
    options.network.shared_medium = true;
    ExpectNear(OneAllReduce(options), kDelay + p * (p - 1) * OnWire(kElements));
  }
}

TEST(ClosedFormTest, SoftwareCostsAreOnThePathOfEveryMessage) {
  TimelineOptions options = UniformOptions(4, "ring");
  DeviceOptions device;
  device.message_overhead = absl::Microseconds(250);
  options.devices = {device};
  ExpectNear(OneAllReduce(options),
             6 * (kDelay + OnWire(kElements / 4) + 2 * device.message_overhead));
}

TEST(ClosedFormTest, StagingIsPaidBeforeAndAfter) {
  TimelineOptions options = UniformOptions(2, "direct");
  DeviceOptions device;
  device.staging_bytes_per_second = 1e9;
  options.devices = {device};
  ExpectNear(OneAllReduce(options),
             kDelay + OnWire(kElements) + 2 * absl::Seconds(4e-9 * kElements));
}

TEST(ClosedFormTest, AStepIsItsComputePlusItsCollectives) {
  const StepPlan plan = AllReducePlan(2, {kElements, kElements, 1});
  const ComputeTable compute(2, std::vector<absl::Duration>(4, absl::Milliseconds(2)));
  const StepTimeline step = RunOnce(UniformOptions(2, "direct"), plan, compute);
  ExpectNear(step.duration,
             4 * absl::Milliseconds(2) + 3 * kDelay + 2 * OnWire(kElements) + OnWire(1));
  EXPECT_EQ(step.ranks[0].breakdown.compute, absl::Milliseconds(8));
}

TEST(ClosedFormTest, NarrowerElementsTakeLessOfTheWire) {
  StepPlan plan = AllReducePlan(2, {kElements});
  for (auto& steps : plan.steps) std::get<AllReduceStep>(steps[0]).wire_bytes = 2 * kElements;
  ExpectNear(RunOnce(UniformOptions(2, "direct"), plan, NoCompute(plan)).duration,
             kDelay + OnWire(kElements / 2));
}

TEST(BreakdownTest, AUniformAllReduceIsSerializationAndPropagation) {
  const StepPlan plan = AllReducePlan(2, {kElements});
  const TimeBreakdown breakdown =
      RunOnce(UniformOptions(2, "direct"), plan, NoCompute(plan)).MeanBreakdown();
  ExpectNear(breakdown.propagation, kDelay);
  ExpectNear(breakdown.serialization, OnWire(kElements));
  ExpectNear(breakdown.queueing, absl::ZeroDuration());
}

TEST(BreakdownTest, OthersWaitForTheStraggler) {
  const StepPlan plan = AllReducePlan(3, {kElements});
  ComputeTable compute = NoCompute(plan);
  compute[1][0] = absl::Milliseconds(50);
  const StepTimeline step = RunOnce(UniformOptions(3, "direct"), plan, compute);
  EXPECT_EQ(step.ranks[0].breakdown.straggler + step.ranks[0].breakdown.propagation +
                step.ranks[0].breakdown.serialization + step.ranks[0].breakdown.queueing,
            step.ranks[0].end - step.ranks[0].begin);
  EXPECT_GT(step.ranks[0].breakdown.straggler, absl::Milliseconds(30));
  EXPECT_EQ(step.ranks[1].breakdown.straggler, absl::ZeroDuration());
}

TEST(BreakdownTest, AStragglersDelayTravelsThroughTheRing) {
  const StepPlan plan = AllReducePlan(4, {kElements});
  ComputeTable compute = NoCompute(plan);
  compute[0][0] = absl::Milliseconds(500);
  const StepTimeline step = RunOnce(UniformOptions(4, "ring"), plan, compute);
  for (int rank = 1; rank < 4; ++rank) {
    EXPECT_GT(step.ranks[rank].breakdown.straggler, absl::Milliseconds(450)) << rank;
  }
}

// A rough network: everything at once.
TimelineOptions RoughOptions(int world_size, const std::string& algorithm, uint64_t seed) {
  TimelineOptions options = UniformOptions(world_size, algorithm);
  options.seed = seed;
  options.network.link.jitter = absl::Milliseconds(2);
  options.network.link.distribution = JitterDistribution::kPareto;
  options.network.link.correlation = 0.2;
  options.network.link.loss = 1e-4;
  options.network.shared_medium = seed % 2 == 1;
  options.segment_bytes = 64 * 1024;
  DeviceOptions device;
  device.message_overhead = absl::Microseconds(40);
  options.devices = {device};
  return options;
}

ComputeTable UnevenCompute(const StepPlan& plan) {
  ComputeTable compute = NoCompute(plan);
  for (size_t rank = 0; rank < compute.size(); ++rank) {
    for (size_t i = 0; i < compute[rank].size(); ++i)
      compute[rank][i] = absl::Microseconds(700 * rank + 300 * i);
  }
  return compute;
}

class EveryAlgorithm : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryAlgorithm, BreakdownsAddUpToTheStepOfEachRankExactly) {
  for (const int world_size : {1, 2, 3, 5, 8}) {
    const StepPlan plan = AllReducePlan(world_size, {kElements, 3, 0, 10000});
    auto simulator =
        TimelineSimulator::Create(RoughOptions(world_size, GetParam(), world_size)).value();
    absl::Duration sum;
    for (int step = 0; step < 5; ++step) {
      const StepTimeline timeline = simulator.RunStep(plan, UnevenCompute(plan)).value();
      sum += timeline.duration;
      absl::Time end = absl::UnixEpoch();
      for (const RankStep& rank : timeline.ranks) {
        EXPECT_EQ(rank.breakdown.total(), rank.end - rank.begin);
        for (const absl::Duration term :
             {rank.breakdown.software, rank.breakdown.queueing, rank.breakdown.serialization,
              rank.breakdown.propagation, rank.breakdown.jitter, rank.breakdown.straggler}) {
          EXPECT_GE(term, absl::ZeroDuration());
        }
        end = std::max(end, rank.end);
      }
      EXPECT_EQ(absl::UnixEpoch() + sum, end);  // durations add up to the clock
    }
  }
}

TEST_P(EveryAlgorithm, NoRankEndsBeforeItCouldKnowOfTheLastOne) {
  for (const int world_size : {2, 3, 4, 7}) {
    const StepPlan plan = AllReducePlan(world_size, {1000});
    for (int late = 0; late < world_size; ++late) {
      ComputeTable compute = NoCompute(plan);
      compute[late][0] = absl::Milliseconds(100);
      const StepTimeline step = RunOnce(UniformOptions(world_size, GetParam()), plan, compute);
      for (int rank = 0; rank < world_size; ++rank) {
        if (rank == late) continue;
        EXPECT_GE(step.ranks[rank].end, absl::UnixEpoch() + absl::Milliseconds(100) + kDelay);
      }
    }
  }
}

TEST_P(EveryAlgorithm, TheSameOptionsGiveTheSameTimelineAndAnotherSeedAnother) {
  const StepPlan plan = AllReducePlan(4, {kElements, 100});
  const auto run = [&plan](uint64_t seed) {
    return RunOnce(RoughOptions(4, GetParam(), seed), plan, UnevenCompute(plan)).duration;
  };
  EXPECT_EQ(run(4), run(4));
  EXPECT_NE(run(4), run(6));
}

TEST_P(EveryAlgorithm, AnUnlimitedNetworkCostsNothing) {
  TimelineOptions options;
  options.world_size = 5;
  options.algorithm = GetParam();
  EXPECT_EQ(OneAllReduce(options), absl::ZeroDuration());
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Algorithm& algorithm : Algorithms()) names.push_back(algorithm.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryAlgorithm, ::testing::ValuesIn(Names()),
                         [](const auto& info) { return info.param; });

TEST(TimelineTest, JitterIsWhatTheLinkModelDrawsForTheSameMessages) {
  TimelineOptions options = UniformOptions(2, "direct");
  options.network.link.jitter = absl::Milliseconds(1);
  options.seed = 42;
  options.next_messages = {{{0, 1}, 5}, {{1, 0}, 5}};
  LinkModel model(2, options.network, 42);
  const absl::Duration jitter = std::max(model.Draw(0, 1, 5, 4 * kElements).jitter,
                                         model.Draw(1, 0, 5, 4 * kElements).jitter);
  ExpectNear(OneAllReduce(options), kDelay + OnWire(kElements) + jitter);
}

TEST(TimelineTest, MessageNumbersGoOnFromStepToStep) {
  TimelineOptions options = UniformOptions(2, "direct");
  options.network.link.jitter = absl::Milliseconds(1);
  const StepPlan plan = AllReducePlan(2, {kElements});
  auto simulator = TimelineSimulator::Create(options).value();
  const absl::Duration first = simulator.RunStep(plan, NoCompute(plan))->duration;
  EXPECT_NE(simulator.RunStep(plan, NoCompute(plan))->duration, first);
}

TEST(TimelineTest, AnEmptyChunkTakesNoMessageNumber) {
  TimelineOptions options = UniformOptions(2, "direct");
  options.network.link.jitter = absl::Milliseconds(1);
  const StepPlan plan = AllReducePlan(2, {0, kElements});
  ExpectNear(RunOnce(options, plan, NoCompute(plan)).duration, OneAllReduce(options));
}

TEST(TimelineTest, ANewNetworkHoldsFromTheNextStepOn) {
  const StepPlan plan = AllReducePlan(2, {kElements});
  auto simulator = TimelineSimulator::Create(UniformOptions(2, "direct")).value();
  ASSERT_TRUE(simulator.RunStep(plan, NoCompute(plan)).ok());
  simulator.SetNetwork({});
  EXPECT_EQ(simulator.RunStep(plan, NoCompute(plan))->duration, absl::ZeroDuration());
}

TEST(TimelineTest, OneRankOnlyComputes) {
  const StepPlan plan = AllReducePlan(1, {});
  const StepTimeline step = RunOnce(UniformOptions(1, "auto"), plan, {{absl::Milliseconds(9)}});
  EXPECT_EQ(step.duration, absl::Milliseconds(9));
}

TEST(TimelineTest, AHundredRanksRun) {
  TimelineOptions options = UniformOptions(100, "ring");
  ExpectNear(OneAllReduce(options, 100 * 1000), 198 * (kDelay + OnWire(1000)));
}

TEST(TimelineTest, AutoBecomesAnAlgorithm) {
  auto simulator = TimelineSimulator::Create(UniformOptions(4, "auto")).value();
  EXPECT_EQ(simulator.AlgorithmFor(1, 4), "direct");
  EXPECT_EQ(simulator.AlgorithmFor(10'000'000, 4), "two_phase");
}

TEST(TimelineTest, APartitionIsUnavailable) {
  TimelineOptions options = UniformOptions(2, "direct");
  options.network.partition_group = {0, 1};
  const StepPlan plan = AllReducePlan(2, {1});
  const auto step = TimelineSimulator::Create(options)->RunStep(plan, NoCompute(plan));
  EXPECT_EQ(step.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(step.status().message()), HasSubstr("rank=0 peer=1"));
}

TEST(TimelineTest, RanksWithDifferentListsDoNotHang) {
  StepPlan plan = AllReducePlan(2, {5, 5});
  plan.steps[1].pop_back();
  const auto step =
      TimelineSimulator::Create(UniformOptions(2, "direct"))->RunStep(plan, NoCompute(plan));
  EXPECT_EQ(step.status().code(), absl::StatusCode::kInternal);
}

TEST(TimelineTest, PlanAndComputeMustFit) {
  const StepPlan plan = AllReducePlan(2, {5});
  auto simulator = TimelineSimulator::Create(UniformOptions(2, "direct")).value();
  EXPECT_EQ(simulator.RunStep(AllReducePlan(3, {5}), NoCompute(plan)).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(simulator.RunStep(plan, ComputeTable(2)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(TimelineTest, BadOptionsAreRejected) {
  TimelineOptions unknown = UniformOptions(2, "rign");
  TimelineOptions devices = UniformOptions(3, "ring");
  devices.devices.resize(2);
  for (const TimelineOptions& options : {unknown, devices, UniformOptions(0, "ring")}) {
    EXPECT_EQ(TimelineSimulator::Create(options).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace edgetp
