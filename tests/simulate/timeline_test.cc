#include "common/simulate/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/collective/registry.h"
#include "common/network/link_model.h"
#include "tests/simulate/uniform.h"

namespace edgetp {
namespace {

using testing::AllReducePlan;
using testing::ExpectNear;
using ::testing::HasSubstr;
using testing::kDelay;
using testing::kElements;
using testing::NoCompute;
using testing::OneAllReduce;
using testing::OnWire;
using testing::RoughOptions;
using testing::RunOnce;
using testing::UnevenCompute;
using testing::UniformOptions;

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

class EveryAlgorithm : public ::testing::TestWithParam<std::string> {};

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

TEST(TimelineTest, ALongStepCanBeStopped) {
  TimelineOptions options = UniformOptions(64, "ring");
  const StepPlan plan = AllReducePlan(64, std::vector<int64_t>(6, kElements));
  int asked = 0;
  options.stop = [&asked] { return ++asked == 2; };
  EXPECT_EQ(TimelineSimulator::Create(options)->RunStep(plan, NoCompute(plan)).status().code(),
            absl::StatusCode::kCancelled);
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
  EXPECT_EQ(simulator.AlgorithmFor(1, WireFormat()), "direct");
  EXPECT_EQ(simulator.AlgorithmFor(10'000'000, WireFormat()), "two_phase");
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
