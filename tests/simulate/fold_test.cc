// Folding of identical all-reduces changes nothing: timelines are compared to the last bit.
#include "common/simulate/fold.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <map>

#include "common/collective/registry.h"
#include "common/network/network_profile.h"
#include "tests/simulate/fold_check.h"
#include "tests/simulate/uniform.h"

namespace edgetp {
namespace {

using testing::AllReducePlan;
using testing::ExpectFoldingChangesNothing;
using testing::kElements;
using testing::UniformOptions;

// All-reduces as of four layers, with compute between them: of `skew` more on each rank than on the
// one before.
ComputeTable LayerCompute(const StepPlan& plan, absl::Duration compute, absl::Duration skew) {
  ComputeTable table = testing::NoCompute(plan);
  for (size_t rank = 0; rank < table.size(); ++rank) {
    for (absl::Duration& segment : table[rank]) segment = compute + skew * static_cast<int>(rank);
  }
  return table;
}

StepPlan LayerPlan(int world_size) {
  return AllReducePlan(
      world_size, {kElements, kElements, kElements + 1, kElements, kElements + 1, kElements, 3, 1});
}

class EveryAlgorithmFold : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryAlgorithmFold, EqualRanksFoldToTheSameTimeline) {
  for (const int world_size : {1, 2, 3, 4, 5, 7, 8}) {
    const StepPlan plan = LayerPlan(world_size);
    const int64_t folded =
        ExpectFoldingChangesNothing(UniformOptions(world_size, GetParam()), plan,
                                    LayerCompute(plan, absl::Seconds(1), absl::ZeroDuration()));
    EXPECT_GT(folded, 4 * 3) << "P=" << world_size;
  }
}

TEST_P(EveryAlgorithmFold, SkewedRanksOfMixedDevicesFoldToTheSameTimeline) {
  for (const int world_size : {2, 3, 5, 8}) {
    const StepPlan plan = LayerPlan(world_size);
    TimelineOptions options = UniformOptions(world_size, GetParam());
    options.segment_bytes = 64 * 1024;
    for (int rank = 0; rank < world_size; ++rank) {
      DeviceOptions device;
      device.message_overhead = absl::Nanoseconds(40'013 + 7'001 * rank);
      device.staging_bytes_per_second = 1e9 + rank;
      options.devices.push_back(device);
    }
    const int64_t folded = ExpectFoldingChangesNothing(
        options, plan, LayerCompute(plan, absl::Seconds(1), absl::Microseconds(333)));
    EXPECT_GT(folded, 0) << "P=" << world_size;
  }
}

// Ranks enter the next all-reduce while others are still in this one: nothing may be folded that
// meets another on a link.
TEST_P(EveryAlgorithmFold, OverlappingAllReducesAreTheSame) {
  for (const int world_size : {2, 3, 5, 8}) {
    const StepPlan plan = LayerPlan(world_size);
    for (const int microseconds : {0, 1, 500, 5000}) {
      for (const bool shared_medium : {false, true}) {
        TimelineOptions options = UniformOptions(world_size, GetParam());
        options.network.shared_medium = shared_medium;
        options.network.link.ingress_rate_bits_per_second = shared_medium ? 0 : 200e6;
        ExpectFoldingChangesNothing(options, plan,
                                    LayerCompute(plan, absl::Microseconds(microseconds),
                                                 absl::Microseconds(microseconds) / 3));
      }
    }
  }
}

// A slow link in one direction, an interface with a rate of its own, and access links that differ.
TEST_P(EveryAlgorithmFold, UnevenLinksAndInterfacesFoldToTheSameTimeline) {
  int64_t folded = 0;
  for (const char* text :
       {"link { delay_us: 3000 rate_bits_per_second: 3e8 } overrides { source: 0 destination: 1 "
        "link { rate_bits_per_second: 1e7 } }",
        "link { delay_us: 3000 rate_bits_per_second: 3e8 } interface_rate_bits_per_second: 9e8",
        "hop: HOP_ACCESS link { delay_us: 3000 rate_bits_per_second: 1e8 "
        "ingress_rate_bits_per_second: 3e8 } overrides { source: 1 link { rate_bits_per_second: "
        "1e7 } }",
        "hop: HOP_ACCESS shared_medium: true link { rate_bits_per_second: 3e8 }"}) {
    SCOPED_TRACE(text);
    v1::NetworkProfile profile;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &profile));
    for (const int world_size : {2, 3, 5}) {
      const StepPlan plan = LayerPlan(world_size);
      TimelineOptions options = UniformOptions(world_size, GetParam());
      options.network = ResolveNetwork(profile, world_size).value();
      options.segment_bytes = 64 * 1024;
      for (const int seconds : {0, 2}) {
        folded += ExpectFoldingChangesNothing(
            options, plan, LayerCompute(plan, absl::Seconds(seconds), absl::ZeroDuration()));
      }
    }
  }
  EXPECT_GT(folded, 0);
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Algorithm& algorithm : Algorithms()) names.push_back(algorithm.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryAlgorithmFold, ::testing::ValuesIn(Names()),
                         [](const auto& info) { return info.param; });

TEST(FoldTest, RandomNetworksAreNotFolded) {
  TimelineOptions options = UniformOptions(4, "ring");
  options.network.link.jitter = absl::Milliseconds(1);
  const StepPlan plan = LayerPlan(4);
  EXPECT_EQ(ExpectFoldingChangesNothing(options, plan,
                                        LayerCompute(plan, absl::Seconds(1), absl::ZeroDuration())),
            0);
}

// The number of the first message of each link that it sees.
class FirstNumbers : public TimelineObserver {
 public:
  void OnCompute(int, absl::Time, absl::Time, size_t) override {}
  void OnCollective(int, absl::Time, absl::Time, const CollectiveStep&) override {}
  void OnWait(int, absl::Time, absl::Time, const TimeBreakdown&) override {}
  void OnMessage(const MessageSpan& message) override {
    numbers_.emplace(std::make_pair(message.source, message.destination), message.number);
  }
  void OnReceive(int, int, absl::Time) override {}
  const std::map<std::pair<int, int>, uint64_t>& numbers() const { return numbers_; }

 private:
  std::map<std::pair<int, int>, uint64_t> numbers_;
};

// Folded or not, the messages before a change of the network have had their numbers.
TEST(FoldTest, JitterGoesOnWithTheNumbersOfMessagesThatWereFolded) {
  const StepPlan plan = LayerPlan(4);
  const ComputeTable compute = LayerCompute(plan, absl::Seconds(1), absl::ZeroDuration());
  TimelineOptions options = UniformOptions(4, "two_phase");
  auto simulator = TimelineSimulator::Create(options).value();
  ASSERT_TRUE(simulator.RunStep(plan, compute).ok());
  ASSERT_GT(simulator.counts().folded, 0);
  options.network.link.jitter = absl::Milliseconds(1);
  simulator.SetNetwork(options.network);
  FirstNumbers numbers;
  ASSERT_TRUE(simulator.RunStep(plan, compute, &numbers).ok());

  std::map<std::pair<int, int>, uint64_t> sent;
  for (const CollectiveStep& step : Collectives(plan.steps[0])) {
    const Schedule schedule = FindAlgorithm("two_phase").value()->build(4, step.elements, 1);
    for (int rank = 0; rank < 4; ++rank) {
      for (const Action& action : schedule.actions[rank]) {
        if (action.kind != ActionKind::kSend || schedule.chunks[action.chunk].size() == 0) continue;
        ++sent[{rank, action.peer}];
      }
    }
  }
  EXPECT_EQ(numbers.numbers(), sent);
}

TEST(FoldTest, ANewNetworkForgetsTheOldOnesOutcomes) {
  const StepPlan plan = LayerPlan(2);
  const ComputeTable compute = LayerCompute(plan, absl::Seconds(1), absl::ZeroDuration());
  auto simulator = TimelineSimulator::Create(UniformOptions(2, "direct")).value();
  ASSERT_TRUE(simulator.RunStep(plan, compute).ok());
  simulator.SetNetwork({});
  EXPECT_EQ(simulator.RunStep(plan, compute)->duration, absl::Seconds(9));
}

TEST(FoldTest, ManyLayersOfManyRanksAreAFewAllReduces) {
  TimelineOptions options = UniformOptions(256, "ring");
  const StepPlan plan = AllReducePlan(256, std::vector<int64_t>(200, 256 * 100));
  auto simulator = TimelineSimulator::Create(options).value();
  ASSERT_TRUE(
      simulator.RunStep(plan, LayerCompute(plan, absl::Seconds(1), absl::ZeroDuration())).ok());
  EXPECT_EQ(simulator.counts().collectives, 200);
  EXPECT_EQ(simulator.counts().folded, 198);  // all but the first and the last
}

}  // namespace
}  // namespace edgetp
