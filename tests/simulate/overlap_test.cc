// Collectives that run under compute: closed forms, and what must hold for every list.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/collective/registry.h"
#include "common/simulate/compute_cost.h"
#include "tests/simulate/step_list.h"
#include "tests/simulate/uniform.h"

namespace edgetp {
namespace {

using testing::ExpectNear;
using testing::kDelay;
using testing::kElements;
using testing::OnWire;
using testing::RoughOptions;
using testing::StepList;
using testing::UniformOptions;

absl::StatusOr<StepTimeline> Simulate(const TimelineOptions& options, const StepList& list) {
  return TimelineSimulator::Create(options)->RunStep(list.Plan(options.world_size),
                                                     list.Durations(options.world_size));
}

// Two ranks whose exchange of kElements takes kExchange; as many of half the size take half of it.
const absl::Duration kExchange = OnWire(kElements);

TimelineOptions TwoRanks(double efficiency = 1) {
  TimelineOptions options = UniformOptions(2, "direct");
  options.network.link.delay = absl::ZeroDuration();
  options.devices = {DeviceOptions{.overlap_efficiency = efficiency}};
  return options;
}

// Below: a is the exchange, c the compute of a sub-block, which is less than a, equal, or more.
std::vector<absl::Duration> Computes() { return {kExchange / 3, kExchange, 2 * kExchange}; }

TEST(OverlapTest, TensorParallelBlocksTakeComputePlusExchange) {
  for (const absl::Duration c : Computes()) {
    StepList list;
    for (int i = 0; i < 10; ++i) list.Compute(c).AllReduce(kElements);
    const StepTimeline step = Simulate(TwoRanks(), list).value();
    ExpectNear(step.duration, 10 * (c + kExchange));
    EXPECT_EQ(step.MeanHidden(), absl::ZeroDuration());
  }
}

// Each sub-block's exchange runs under the next one's compute, and is waited for after it.
StepList Ladder(int blocks, absl::Duration c) {
  StepList list;
  for (int i = 0; i < blocks; ++i) {
    if (i > 1) list.Wait(i - 2);
    list.Compute(c).Start(kElements);
  }
  return list.Wait(blocks - 2).Wait(blocks - 1);
}

TEST(OverlapTest, LadderBlocksTakeTheLongerOfComputeAndExchange) {
  for (const absl::Duration c : Computes()) {
    const auto steady = [&](int blocks) {
      return Simulate(TwoRanks(), Ladder(blocks, c))->duration;
    };
    ExpectNear(steady(30) - steady(20), 10 * std::max(c, kExchange));
  }
}

// m row groups, each with an m-th of compute and exchange; the next sub-block begins when all of
// them are there.
StepList Rows(int blocks, int m, absl::Duration c) {
  StepList list;
  for (int block = 0; block < blocks; ++block) {
    for (int group = 0; group < m; ++group) list.Compute(c / m).Start(kElements / m);
    for (int group = 0; group < m; ++group) list.Wait(block * m + group);
  }
  return list;
}

TEST(OverlapTest, RowGroupsHideAllButOneOfThem) {
  for (const int m : {2, 4}) {
    for (const absl::Duration c : Computes()) {
      ExpectNear(Simulate(TwoRanks(), Rows(10, m, c))->duration,
                 10 * (std::max(c, kExchange) + std::min(c, kExchange) / m));
    }
  }
}

TEST(OverlapTest, WhatOverlapsCostsWhatTheDeviceDoesNotHide) {
  for (const double efficiency : {1.0, 0.7, 0.0}) {
    for (const absl::Duration c : Computes()) {
      StepList list;
      for (int i = 0; i < 10; ++i) list.Start(kElements).Compute(c).Wait(i);
      const StepTimeline step = Simulate(TwoRanks(efficiency), list).value();
      const absl::Duration exposed =
          std::max(kExchange - c, absl::ZeroDuration()) + (1 - efficiency) * std::min(kExchange, c);
      ExpectNear(step.duration, 10 * (c + exposed));
      ExpectNear(step.MeanHidden(), 10 * (kExchange - exposed));
      ExpectNear(step.MeanBreakdown().compute, 10 * c);
    }
  }
}

// Its messages' software, encoding and staging are the links' work. What starts early is staged as
// floats, what blocks in a format that rounds each element by itself.
TEST(OverlapTest, AHiddenExchangeTakesNoTimeOfTheCompute) {
  for (const auto& [algorithm, wire] : {std::pair("ring", "bf16"), {"direct", "int8+hadamard"}}) {
    TimelineOptions options = UniformOptions(4, algorithm);
    options.devices = {DeviceOptions{.message_overhead = absl::Milliseconds(1),
                                     .staging_bytes_per_second = 1e8,
                                     .codec_bytes_per_second = 1e8}};
    const WireFormat format = WireFormat::Parse(wire).value();
    StepList list, blocking;
    list.In(format).Start(kElements).Compute(absl::Seconds(5)).Wait(0).Compute(absl::Seconds(1));
    const StepTimeline step = Simulate(options, list).value();
    EXPECT_EQ(step.duration, absl::Seconds(6)) << wire;
    const StepTimeline alone = Simulate(options, blocking.In(format).AllReduce(kElements)).value();
    const CollectiveStep at_once{CollectiveTag(), kElements, format};
    CollectiveStep early = at_once;
    early.part = CollectivePart::kStart;
    const absl::Duration wider = 2 * (StagingTime(options.devices[0], early.staged_bytes()) -
                                      StagingTime(options.devices[0], at_once.staged_bytes()));
    for (int rank = 0; rank < 4; ++rank)
      EXPECT_EQ(step.ranks[rank].hidden, alone.ranks[rank].breakdown.total() + wider) << wire;
  }
}

TEST(OverlapTest, CollectivesRunInTheOrderInWhichTheyWereStarted) {
  StepList list;
  list.Start(kElements).Start(kElements).AllReduce(kElements).Wait(1).Wait(0);
  ExpectNear(Simulate(TwoRanks(), list)->duration, 3 * kExchange);
}

// Rank 1 computes longer before it starts: rank 0's links wait for it, and rank 0 only later.
TEST(OverlapTest, AStragglerCostsOnlyWhoWaitsForIt) {
  StepList list;
  list.Start(kElements).Compute(3 * kExchange).Wait(0);
  ComputeTable compute = list.Durations(2);
  compute[1][0] = kExchange;
  const auto step = TimelineSimulator::Create(TwoRanks())->RunStep(list.Plan(2), compute).value();
  EXPECT_EQ(step.ranks[0].breakdown.straggler, absl::ZeroDuration());
  ExpectNear(step.ranks[0].end - step.ranks[0].begin, 3 * kExchange);
  ExpectNear(step.ranks[0].hidden, 2 * kExchange);
}

// Everything at once: several under way, waits out of order, blocking ones in between.
StepList Mixture(const WireFormat& wire = WireFormat()) {
  const absl::Duration ms = absl::Milliseconds(1);
  return StepList()
      .In(wire)
      .Compute(2 * ms)
      .Start(kElements)
      .Compute(7 * ms)
      .Start(1000)
      .Start(kElements / 2)
      .Compute(3 * ms)
      .Wait(1)
      .AllReduce(3)
      .Compute(1 * ms)
      .Wait(2)
      .Wait(0)
      .AllReduce(kElements)
      .Start(0)
      .Compute(40 * ms)
      .Wait(3)
      .Compute(5 * ms);
}

// The same exchanges, each waited for at once.
StepList Blocking(bool in_two) {
  StepList list;
  for (int i = 0; i < 5; ++i) {
    list.Compute(absl::Milliseconds(1 + i));
    const int64_t elements = i % 2 == 0 ? kElements : 1000 + i;
    in_two ? list.Start(elements).Wait(i) : list.AllReduce(elements);
  }
  return list.Compute(absl::Milliseconds(1));
}

bool Same(const TimeBreakdown& a, const TimeBreakdown& b) {
  for (const BreakdownTerm& term : kBreakdownTerms) {
    if (a.*term.span != b.*term.span) return false;
  }
  return true;
}

void ExpectSame(const StepTimeline& a, const StepTimeline& b) {
  EXPECT_EQ(a.duration, b.duration);
  for (size_t rank = 0; rank < a.ranks.size(); ++rank) {
    EXPECT_EQ(a.ranks[rank].end, b.ranks[rank].end) << rank;
    EXPECT_EQ(a.ranks[rank].hidden, b.ranks[rank].hidden) << rank;
    EXPECT_TRUE(Same(a.ranks[rank].breakdown, b.ranks[rank].breakdown)) << rank;
  }
}

// What an algorithm takes.
WireFormat RotatedOr(const std::string& algorithm) {
  const WireFormat rotated = WireFormat::Parse("int8+hadamard").value();
  return CheckFormat(**FindAlgorithm(algorithm), rotated).ok() ? rotated : WireFormat();
}

class EveryAlgorithmOverlap : public ::testing::TestWithParam<std::string> {};

TEST_P(EveryAlgorithmOverlap, ABlockingCollectiveIsOneThatIsWaitedForAtOnce) {
  for (const int world_size : {1, 2, 3, 4, 5, 8}) {
    for (const uint64_t seed : {1, 2}) {
      const TimelineOptions options = RoughOptions(world_size, GetParam(), seed);
      ExpectSame(Simulate(options, Blocking(false)).value(),
                 Simulate(options, Blocking(true)).value());
    }
  }
}

TEST_P(EveryAlgorithmOverlap, EverySecondIsComputeOrHasACauseAndWhatIsHiddenHasNone) {
  for (const int world_size : {1, 2, 3, 4, 5, 8}) {
    for (const uint64_t seed : {1, 2}) {
      TimelineOptions options = RoughOptions(world_size, GetParam(), seed);
      options.devices.front().staging_bytes_per_second = 1e9;
      options.devices.front().codec_bytes_per_second = 1e9;
      options.devices.front().overlap_efficiency = seed == 1 ? 1 : 0.7;
      auto simulator = TimelineSimulator::Create(options).value();
      const StepPlan plan = Mixture(RotatedOr(GetParam())).Plan(world_size);
      ComputeTable compute = Mixture().Durations(world_size);
      for (int rank = 0; rank < world_size; ++rank)
        compute[rank][2] += rank * absl::Milliseconds(2);
      for (int step = 0; step < 3; ++step) {
        const StepTimeline timeline = simulator.RunStep(plan, compute).value();
        for (const RankStep& rank : timeline.ranks) {
          EXPECT_EQ(rank.breakdown.total(), rank.end - rank.begin);
          EXPECT_GE(rank.hidden, absl::ZeroDuration());
          for (const BreakdownTerm& term : kBreakdownTerms)
            EXPECT_GE(rank.breakdown.*term.span, absl::ZeroDuration()) << term.name;
        }
      }
    }
  }
}

TEST_P(EveryAlgorithmOverlap, FoldingChangesNothing) {
  int64_t folded = 0;
  for (const int world_size : {2, 3, 4, 8}) {
    for (const absl::Duration c : {absl::Milliseconds(1), absl::Seconds(1)}) {
      const double efficiency = world_size == 3 ? 0.7 : 1;
      for (const StepList& list : {Ladder(8, c), Rows(4, 2, c), Mixture()}) {
        TimelineOptions options = UniformOptions(world_size, GetParam());
        options.devices = {DeviceOptions{.message_overhead = absl::Microseconds(40),
                                         .overlap_efficiency = efficiency}};
        auto folding = TimelineSimulator::Create(options).value();
        options.fold = false;
        auto plain = TimelineSimulator::Create(options).value();
        const StepPlan plan = list.Plan(world_size);
        ComputeTable compute = list.Durations(world_size);
        for (int rank = 0; rank < world_size; ++rank)
          compute[rank].front() += rank * absl::Microseconds(333);
        for (int step = 0; step < 3; ++step)
          ExpectSame(folding.RunStep(plan, compute).value(), plain.RunStep(plan, compute).value());
        EXPECT_EQ(folding.counts().collectives, plain.counts().collectives);
        folded += folding.counts().folded;
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

INSTANTIATE_TEST_SUITE_P(Registry, EveryAlgorithmOverlap, ::testing::ValuesIn(Names()),
                         [](const auto& info) { return info.param; });

TEST(OverlapTest, AnExchangeInTwoPartsIsSentOnce) {
  auto simulator = TimelineSimulator::Create(TwoRanks()).value();
  EXPECT_EQ(simulator.BytesOnTheWirePerRank(Blocking(true).Plan(2)),
            simulator.BytesOnTheWirePerRank(Blocking(false).Plan(2)));
  EXPECT_EQ(simulator.Segments(Blocking(true).Plan(2)),
            simulator.Segments(Blocking(false).Plan(2)));
}

TEST(OverlapTest, AListWhoseHandlesDoNotMatchIsRefused) {
  const auto status = [](const StepList& list) { return Simulate(TwoRanks(), list).status(); };
  EXPECT_EQ(status(StepList().Start(1)).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status(StepList().Start(1)).message()),
              ::testing::HasSubstr("never waited for (handle=0)"));
  EXPECT_THAT(std::string(status(StepList().Start(1).Wait(0).Wait(0)).message()),
              ::testing::HasSubstr("rank=0"));
}

}  // namespace
}  // namespace edgetp
