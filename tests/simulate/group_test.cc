// Collectives of groups and messages between two ranks: closed forms, and folding that changes
// nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "common/collective/registry.h"
#include "tests/simulate/fold_check.h"
#include "tests/simulate/uniform.h"

namespace edgetp {
namespace {

using testing::ExpectFoldingChangesNothing;
using testing::ExpectNear;
using testing::kDelay;
using testing::kElements;
using testing::NoCompute;
using testing::OneAllReduce;
using testing::OnWire;
using testing::RunOnce;
using testing::UniformOptions;

CollectiveStep Step(CollectiveKind kind, std::vector<int> group, int64_t elements = kElements) {
  CollectiveStep step{CollectiveTag{}, elements, WireFormat()};
  step.kind = kind;
  step.group = std::move(group);
  return step;
}

CollectiveStep Sum(std::vector<int> group, int64_t elements = kElements) {
  return Step(CollectiveKind::kAllReduce, std::move(group), elements);
}

CollectiveStep Send(int from, int to, int64_t elements = kElements) {
  return Step(CollectiveKind::kSend, {from, to}, elements);
}

// Each collective goes into the lists of its group, in this order.
StepPlan PlanOf(int world_size, const std::vector<CollectiveStep>& collectives) {
  StepPlan plan;
  plan.world_size = world_size;
  plan.steps.resize(world_size);
  for (const CollectiveStep& step : collectives) {
    for (int rank = 0; rank < world_size; ++rank) {
      const bool member = step.group.empty() ||
                          std::find(step.group.begin(), step.group.end(), rank) != step.group.end();
      if (member) plan.steps[rank].push_back(step);
    }
  }
  return plan;
}

absl::Duration Duration(const TimelineOptions& options, const StepPlan& plan) {
  return RunOnce(options, plan, NoCompute(plan)).duration;
}

// Their links have nothing in common.
TEST(GroupTest, TwoGroupsTakeAsLongAsOne) {
  for (const Algorithm& algorithm : Algorithms()) {
    for (const int size : {2, 3, 4}) {
      std::vector<int> even, odd;
      for (int i = 0; i < size; ++i) {
        even.push_back(2 * i);
        odd.push_back(2 * i + 1);
      }
      const TimelineOptions both = UniformOptions(2 * size, algorithm.name);
      EXPECT_EQ(Duration(both, PlanOf(2 * size, {Sum(even), Sum(odd)})),
                OneAllReduce(UniformOptions(size, algorithm.name)))
          << algorithm.name << " " << size;
    }
  }
}

TEST(GroupTest, AGroupOfAllRanksIsAllRanks) {
  const TimelineOptions options = UniformOptions(4, "auto");
  EXPECT_EQ(Duration(options, PlanOf(4, {Sum({0, 1, 2, 3})})), OneAllReduce(options));
}

TEST(GroupTest, AMessageTakesItsTimeOnTheLinkAndItsSenderNone) {
  const StepPlan plan = PlanOf(3, {Send(2, 1)});
  const StepTimeline step = RunOnce(UniformOptions(3, "direct"), plan, NoCompute(plan));
  ExpectNear(step.duration, kDelay + OnWire(kElements));
  EXPECT_EQ(step.ranks[2].end, step.ranks[2].begin);
  EXPECT_EQ(step.ranks[0].end, step.ranks[0].begin);
  EXPECT_EQ(step.ranks[1].breakdown.total(), step.ranks[1].end - step.ranks[1].begin);
}

// Rank 1 computes before it sends: until then, rank 0 waits for it alone.
TEST(GroupTest, WaitingForASenderThatIsNotThereYetIsTheStragglers) {
  const StepPlan plan = PlanOf(2, {Send(1, 0)});
  ComputeTable compute = NoCompute(plan);
  compute[1][0] = absl::Seconds(1);
  const StepTimeline step = RunOnce(UniformOptions(2, "direct"), plan, compute);
  EXPECT_EQ(step.ranks[0].breakdown.straggler, absl::Seconds(1));
}

// n elements to each of P-1 ranks, one after the other, whoever the root is.
TEST(GroupTest, AnyRankCanBeTheRoot) {
  const StepPlan plan = PlanOf(4, {Step(CollectiveKind::kBroadcast, {2, 0, 1, 3})});
  ExpectNear(Duration(UniformOptions(4, "direct"), plan), kDelay + 3 * OnWire(kElements));
}

// Software of one message at each end; copies to and from the accelerator where there is data.
TEST(GroupTest, AMessageCostsSoftwareAndStagingAtBothEndsOnce) {
  TimelineOptions options = UniformOptions(2, "direct");
  DeviceOptions device;
  device.message_overhead = absl::Milliseconds(1);
  device.staging_bytes_per_second = 4.0 * kElements;  // a second
  options.devices = {device};
  const StepPlan plan = PlanOf(2, {Send(0, 1)});
  const StepTimeline step = RunOnce(options, plan, NoCompute(plan));
  ExpectNear(step.duration,
             2 * absl::Seconds(1) + 2 * absl::Milliseconds(1) + kDelay + OnWire(kElements));
  EXPECT_EQ(step.ranks[0].breakdown.staging, absl::Seconds(1));
  EXPECT_EQ(step.ranks[1].breakdown.staging, absl::Seconds(1));
}

TEST(GroupTest, BytesAreCountedWhereverTheyAreSent) {
  auto simulator = TimelineSimulator::Create(UniformOptions(4, "direct")).value();
  // Two ranks send all to one another, and rank 3 a message.
  EXPECT_EQ(simulator.BytesOnTheWirePerRank(PlanOf(4, {Sum({0, 2}), Send(3, 1)})),
            3 * 4 * kElements / 4);
}

TEST(GroupTest, ListsThatDoNotBelongTogetherAreRefused) {
  StepPlan plan = PlanOf(2, {Send(0, 1)});
  plan.steps[1].clear();
  auto simulator = TimelineSimulator::Create(UniformOptions(2, "direct")).value();
  EXPECT_EQ(simulator.RunStep(plan, NoCompute(plan)).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// What data=2,tensor=2 does: sums of shards, then of replicas, then of all.
StepPlan MeshPlan(int layers) {
  std::vector<CollectiveStep> steps;
  for (int layer = 0; layer < layers; ++layer) {
    for (const std::vector<int>& group : {std::vector<int>{0, 1}, {2, 3}})
      steps.push_back(Sum(group));
  }
  for (const std::vector<int>& group : {std::vector<int>{0, 2}, {1, 3}})
    steps.push_back(Sum(group, 3 * kElements));
  steps.push_back(Sum({}, 1));
  return PlanOf(4, steps);
}

ComputeTable Compute(const StepPlan& plan, absl::Duration each, absl::Duration skew) {
  ComputeTable table = NoCompute(plan);
  for (size_t rank = 0; rank < table.size(); ++rank) {
    for (absl::Duration& segment : table[rank]) segment = each + skew * static_cast<int>(rank);
  }
  return table;
}

TEST(GroupFoldTest, RoundsOfGroupsFoldToTheSameTimeline) {
  const StepPlan plan = MeshPlan(6);
  for (const Algorithm& algorithm : Algorithms()) {
    for (const absl::Duration skew : {absl::ZeroDuration(), absl::Microseconds(333)}) {
      EXPECT_GT(ExpectFoldingChangesNothing(UniformOptions(4, algorithm.name), plan,
                                            Compute(plan, absl::Seconds(1), skew)),
                skew > absl::ZeroDuration() ? 0 : 20)
          << algorithm.name;
    }
  }
}

TEST(GroupFoldTest, GroupsThatMeetOnALinkAreTheSame) {
  for (const bool shared_medium : {false, true}) {
    for (const int microseconds : {0, 1, 500, 5000}) {
      TimelineOptions options = UniformOptions(4, "two_phase");
      options.network.shared_medium = shared_medium;
      const StepPlan plan = MeshPlan(6);
      ExpectFoldingChangesNothing(
          options, plan,
          Compute(plan, absl::Microseconds(microseconds), absl::Microseconds(microseconds) / 3));
    }
  }
}

// A pipeline of two stages of two ranks: messages and sums at once.
TEST(GroupFoldTest, MessagesBesideSumsAreTheSame) {
  std::vector<CollectiveStep> steps;
  for (int micro_batch = 0; micro_batch < 5; ++micro_batch) {
    steps.push_back(Sum({0, 1}));
    steps.push_back(Send(0, 2));
    steps.push_back(Send(1, 3));
    steps.push_back(Sum({2, 3}));
  }
  const StepPlan plan = PlanOf(4, steps);
  for (const int milliseconds : {0, 3, 1000}) {
    ExpectFoldingChangesNothing(
        UniformOptions(4, "direct"), plan,
        Compute(plan, absl::Milliseconds(milliseconds), absl::Microseconds(10)));
  }
}

// Ranks 2 and 3 send while those that will receive are still in a sum: that is no round.
TEST(GroupFoldTest, SendersAheadOfTheirReceiversAreTheSame) {
  std::vector<CollectiveStep> steps;
  for (int micro_batch = 0; micro_batch < 5; ++micro_batch) {
    steps.push_back(Sum({0, 1}));
    steps.push_back(Send(2, 0));
    steps.push_back(Send(3, 1));
    steps.push_back(Sum({2, 3}));
  }
  const StepPlan plan = PlanOf(4, steps);
  for (const int milliseconds : {0, 3, 1000}) {
    ExpectFoldingChangesNothing(
        UniformOptions(4, "direct"), plan,
        Compute(plan, absl::Milliseconds(milliseconds), absl::ZeroDuration()));
  }
}

// A slow link belongs to one group: the other's rounds are not taken for it.
TEST(GroupFoldTest, GroupsOnUnlikeLinksAreToldApart) {
  TimelineOptions options = UniformOptions(4, "auto");
  LinkOptions slow = options.network.link;
  slow.rate_bits_per_second /= 50;
  options.network.overrides[{2, 3}] = slow;
  const StepPlan plan = MeshPlan(4);
  EXPECT_GT(ExpectFoldingChangesNothing(options, plan,
                                        Compute(plan, absl::Seconds(5), absl::ZeroDuration())),
            0);
}

class Numbers : public TimelineObserver {
 public:
  void OnCompute(int, absl::Time, absl::Time, size_t) override {}
  void OnCollective(int, absl::Time, absl::Time, const CollectiveStep&) override {}
  void OnWait(int, absl::Time, absl::Time, const TimeBreakdown&) override {}
  void OnMessage(const MessageSpan& message) override {
    first_.emplace(std::make_pair(message.source, message.destination), message.number);
  }
  void OnReceive(int, int, absl::Time) override {}
  const std::map<std::pair<int, int>, uint64_t>& first() const { return first_; }

 private:
  std::map<std::pair<int, int>, uint64_t> first_;
};

// Numbers are those of links between ranks, not of places in a group.
TEST(GroupFoldTest, JitterGoesOnWithTheNumbersOfFoldedMessages) {
  const StepPlan plan = MeshPlan(6);
  const ComputeTable compute = Compute(plan, absl::Seconds(1), absl::ZeroDuration());
  TimelineOptions options = UniformOptions(4, "direct");
  auto simulator = TimelineSimulator::Create(options).value();
  ASSERT_TRUE(simulator.RunStep(plan, compute).ok());
  ASSERT_GT(simulator.counts().folded, 0);
  options.network.link.jitter = absl::Milliseconds(1);
  simulator.SetNetwork(options.network);
  Numbers numbers;
  ASSERT_TRUE(simulator.RunStep(plan, compute, &numbers).ok());
  EXPECT_EQ(numbers.first().at({2, 3}), 7u);  // six sums of shards, and the one of all
  EXPECT_EQ(numbers.first().at({3, 1}), 2u);  // one of replicas, and the one of all
  EXPECT_EQ(numbers.first().at({3, 0}), 1u);
}

}  // namespace
}  // namespace edgetp
