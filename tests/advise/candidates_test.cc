#include "common/advise/candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/advise/devices.h"
#include "common/advise/planned.h"
#include "tests/advise/problem.h"

namespace edgetp {
namespace {

using testing::Board;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TensorGroup;
using testing::TinyProblem;
using ::testing::UnorderedElementsAre;
using testing::WholeBatch;

using Devices = std::vector<int>;

std::vector<Devices> Subsets(const AdviseProblem& problem, std::vector<std::string>* left_out) {
  return DeviceSubsets(problem, DeviceSpeeds(problem).value(), left_out);
}

TEST(AdviseDevicesTest, IdenticalDevicesAreNotPermutedAndTheFastestComesFirst) {
  std::vector<std::string> left_out;
  EXPECT_THAT(
      Subsets(TinyProblem(), &left_out),
      UnorderedElementsAre(Devices{0}, Devices{1}, Devices{0, 0}, Devices{1, 0}, Devices{1, 0, 0}));
  EXPECT_THAT(left_out, IsEmpty());
}

TEST(AdviseDevicesTest, NoMoreThanMaxWorkersAreUsed) {
  AdviseProblem problem = TinyProblem();
  problem.max_workers = 2;
  std::vector<std::string> left_out;
  EXPECT_THAT(Subsets(problem, &left_out),
              UnorderedElementsAre(Devices{0}, Devices{1}, Devices{0, 0}, Devices{1, 0}));
}

TEST(AdviseDevicesTest, TooManyChoicesAreThinnedOutAndTold) {
  AdviseProblem problem = TinyProblem();
  problem.devices.clear();
  for (int kind = 0; kind < 13; ++kind)
    problem.devices.push_back({"board", Board("board", 1e9 + kind, 1e9), 1});
  std::vector<std::string> left_out;
  const auto subsets = Subsets(problem, &left_out);
  EXPECT_EQ(subsets.size(), 13u + 12u);
  ASSERT_EQ(left_out.size(), 1u);
  EXPECT_THAT(left_out[0], HasSubstr("of the 8191 choices of devices, 25 were tried"));
}

TEST(AdviseDevicesTest, WhereLinksBelongToRanksTheOrderIsTheUsers) {
  AdviseProblem problem = TinyProblem();
  problem.base.network.add_overrides()->set_source(1);
  std::vector<std::string> left_out;
  EXPECT_THAT(Subsets(problem, &left_out),
              UnorderedElementsAre(Devices{0}, Devices{1}, Devices{0, 0}, Devices{0, 0, 1}));
  ASSERT_EQ(left_out.size(), 1u);
  EXPECT_THAT(left_out[0], HasSubstr("in the order of --devices"));
}

std::vector<AdviseGroup> Groups(const AdviseProblem& problem) {
  return BuildAdviseSpace(problem, DeviceSpeeds(problem).value()).groups;
}

std::set<std::string> Patterns(const AdviseProblem& problem) {
  std::set<std::string> patterns;
  for (const AdviseGroup& group : Groups(problem)) patterns.insert(group.pattern);
  return patterns;
}

TEST(AdviseSpaceTest, PatternsFillTheModelWhateverItsLayers) {
  AdviseProblem problem = TinyProblem();
  for (int layers : {1, 2, 3, 4, 7, 12}) {
    problem.base.plan.shape.layers = layers;
    for (const std::string& pattern : Patterns(problem))
      EXPECT_TRUE(Pattern::Parse(pattern, layers).ok()) << pattern;
  }
  EXPECT_THAT(Patterns(problem), Contains("(sppp)*3"));
  problem.base.plan.shape.layers = 6;
  EXPECT_THAT(Patterns(problem), Contains("(sppp)*1 sp"));
}

TEST(AdviseSpaceTest, ExactLeavesOutWhatChangesTheLoss) {
  AdviseProblem problem = TinyProblem();
  EXPECT_THAT(Groups(problem), Contains(Field(&AdviseGroup::wire, "int8")));
  problem.exact = true;
  EXPECT_THAT(Groups(problem), Each(Field(&AdviseGroup::wire, "fp32")));
  EXPECT_THAT(Groups(problem), Each(Field(&AdviseGroup::pattern, "t*3")));
  EXPECT_TRUE(IsExact(Groups(problem).back()));
}

TEST(AdviseSpaceTest, NobodyHasLessThanAHead) {
  AdviseProblem problem = TinyProblem();
  problem.base.plan.shape.heads = 2;
  for (const AdviseGroup& group : Groups(problem)) EXPECT_LE(group.strategy.shards, 2);
}

TEST(AdviseSpaceTest, ADeviceOfOneCoreDoesNotOverlap) {
  AdviseProblem problem = TinyProblem();
  for (AdvisedDevices& devices : problem.devices) devices.profile.set_cores(1);
  for (const AdviseGroup& group : Groups(problem)) {
    EXPECT_NE(group.pattern[0], 'l');
    EXPECT_NE(group.strategy.name, "data");
    for (const AdviseLayout& layout : LayoutsOf(problem, group))
      EXPECT_EQ(layout.overlap.kind, OverlapKind::kNone);
  }
}

TEST(AdviseSpaceTest, EveryLayoutHasTheSameSequences) {
  const AdviseProblem problem = TinyProblem();
  for (const AdviseGroup& group : Groups(problem)) {
    for (const AdviseLayout& layout : LayoutsOf(problem, group)) {
      EXPECT_EQ(layout.batch * layout.micro_batches * group.strategy.replicas, problem.sequences);
      EXPECT_LE(layout.overlap.rows, layout.batch);
    }
  }
}

std::vector<std::string> Strategies(int workers, int sequences) {
  std::vector<std::string> names;
  for (const AdviseStrategy& strategy : StrategiesOf(workers, {.layers = 3, .heads = 4}, sequences))
    names.push_back(strategy.name);
  return names;
}

TEST(AdviseStrategiesTest, EachAxisAloneAndMeshesOfTwo) {
  EXPECT_THAT(Strategies(1, 12), ElementsAre("one"));
  EXPECT_THAT(Strategies(2, 12), ElementsAre("tensor", "data", "pipeline", "local"));
  EXPECT_THAT(Strategies(4, 12), ElementsAre("tensor", "data", "local", "data=2,tensor=2",
                                             "data=2,pipeline=2", "pipeline=2,tensor=2"));
  EXPECT_THAT(Strategies(5, 12), IsEmpty());  // of 4 heads, 3 layers, 12 sequences
}

TEST(AdviseStrategiesTest, AKindHasNoSizes) {
  const AdviseStrategy mesh{.name = "data=2,tensor=16"};
  EXPECT_EQ(mesh.Kind(), "data,tensor");
}

TEST(AdviseOrdersTest, StagesAreTriedInEveryOrderThatDiffers) {
  const AdviseProblem problem = TinyProblem();
  const AdviseGroup pipeline{{.name = "pipeline", .stages = 3}, {1, 0, 0}, "t*3", "fp32"};
  EXPECT_THAT(OrdersOf(problem, pipeline),
              UnorderedElementsAre(Devices{1, 0, 0}, Devices{0, 1, 0}, Devices{0, 0, 1}));
  EXPECT_THAT(OrdersOf(problem, TensorGroup({1, 0, 0})), ElementsAre(Devices{1, 0, 0}));
}

TEST(AdviseOrdersTest, OfVeryManyOrdersTheFastestIsFirstOrLast) {
  const AdviseGroup pipeline{{.name = "pipeline", .stages = 5}, {0, 1, 2, 3, 4}, "t*5", "fp32"};
  EXPECT_EQ(OrdersOfDevices(pipeline.devices), 120);
  EXPECT_THAT(OrdersOf(TinyProblem(), pipeline),
              ElementsAre(Devices{0, 1, 2, 3, 4}, Devices{4, 3, 2, 1, 0}));
}

std::optional<std::vector<int>> Split(const AdviseProblem& problem, const AdviseGroup& group,
                                      const std::vector<double>& speeds) {
  return FittingSplit(problem, group, WholeBatch(problem, group), speeds).value();
}

// Two slow boards and one that is twice as fast share four heads: 1, 1 and 2.
TEST(AdviseSplitTest, HeadsFollowTheSpeeds) {
  const AdviseProblem problem = TinyProblem();
  EXPECT_EQ(Split(problem, TensorGroup({1, 0, 0}), DeviceSpeeds(problem).value()),
            (std::vector<int>{2, 1, 1}));
}

TEST(AdviseSplitTest, EqualDevicesNeedNoSplit) {
  const AdviseProblem problem = TinyProblem();
  EXPECT_EQ(Split(problem, TensorGroup({0, 0}), DeviceSpeeds(problem).value()), std::vector<int>());
}

TEST(AdviseSplitTest, WhatDoesNotFitIntoTheFastOneGoesToTheOthers) {
  AdviseProblem problem = TinyProblem();
  problem.base.plan.shape.channels = 512;
  const AdviseGroup group = TensorGroup({1, 0});
  const std::vector<double> speeds = {1, 100};
  const auto memory = [&](const std::vector<int>& split) {
    const SimulateCase run = CaseOf(problem, {group, WholeBatch(problem, group), split}).value();
    return BuildEvaluationPlan(run.forecast.plan)->memory[0].total_bytes();
  };
  EXPECT_EQ(Split(problem, group, speeds), (std::vector<int>{3, 1}));
  problem.devices[1].profile.set_memory_bytes(memory({2, 2}));
  EXPECT_EQ(Split(problem, group, speeds), std::vector<int>());  // 2 and 2
  problem.devices[1].profile.set_memory_bytes(memory({1, 3}) - 1);
  EXPECT_FALSE(Split(problem, group, speeds).has_value());
}

// Between what the layout takes and what it takes with its activations computed again.
TEST(AdviseRecomputeTest, ActivationsAreComputedAgainWhereALayoutDoesNotFitOtherwise) {
  AdviseProblem problem = TinyProblem();
  problem.base.plan.shape.sequence = 1024;
  const AdviseGroup group = TensorGroup({1});
  const std::vector<double> speeds = DeviceSpeeds(problem).value();
  AdviseLayout layout = WholeBatch(problem, group);
  const auto planned = [&] { return PlanCandidate(problem, group, layout, speeds).value(); };
  const auto memory = [&] { return planned()->strategy.plan.memory[0].total_bytes(); };
  const double plain = memory();
  EXPECT_FALSE(planned()->candidate.layout.recompute);
  for (AdvisedDevices& device : problem.devices) device.profile.set_memory_bytes(plain - 1);
  EXPECT_TRUE(planned()->candidate.layout.recompute);
  const double again = memory();
  EXPECT_LT(again, plain);
  layout.overlap = {OverlapKind::kRows, 2};  // keeps what it reads
  EXPECT_FALSE(planned().has_value());
  layout.overlap = Overlap();
  for (AdvisedDevices& device : problem.devices) device.profile.set_memory_bytes(1e9);
  problem.goal = AdviseGoal::kMemory;
  EXPECT_EQ(memory(), again);
}

}  // namespace
}  // namespace edgetp
