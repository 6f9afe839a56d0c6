// Simulated all-reduces over topologies, by closed forms.
#include <gtest/gtest.h>

#include "absl/strings/str_format.h"
#include "common/config/load.h"
#include "common/network/network_profile.h"
#include "tests/simulate/uniform.h"

namespace edgetp {
namespace {

using testing::ExpectNear;
using testing::kElements;
using testing::OneAllReduce;
using testing::OnWire;

constexpr absl::Duration kMs = absl::Milliseconds(1);

// Ranks 0 and 1 here, 2 and 3 there; host links of kRate and 1 ms, and 5 ms between the sites.
TimelineOptions TwoSites(const std::string& algorithm, double middle_rate) {
  v1::NetworkProfile profile;
  const std::string host =
      absl::StrFormat("delay_us: 1000 rate_bits_per_second: %.0f", testing::kRate);
  std::string text = "topology { switches { name: 'here' } switches { name: 'there' } ";
  for (int rank = 0; rank < 4; ++rank) {
    text += absl::StrFormat("hosts { name: 'h%d' } links { between: ['h%d', '%s'] %s } ", rank,
                            rank, rank < 2 ? "here" : "there", host);
  }
  text += absl::StrFormat(
      "links { between: ['here', 'there'] delay_us: 5000 rate_bits_per_second: %.0f } }",
      middle_rate);
  EXPECT_TRUE(ParseTextproto(text, "test", &profile).ok()) << text;
  TimelineOptions options;
  options.world_size = 4;
  options.algorithm = algorithm;
  options.network = ResolveNetwork(profile, 4).value();
  return options;
}

// All four messages of each direction pass the middle, which is never idle from the first one on:
// d + 4 w, at its rate and over 7 ms.
TEST(TopologyTimelineTest, AllThatCrossesShareTheMiddle) {
  const double slow = testing::kRate / 10;
  ExpectNear(OneAllReduce(TwoSites("direct", slow)), 7 * kMs + 4 * 10 * OnWire(kElements));
}

// A ring crosses once in each direction at a time: 0 -> 1 -> 2 -> 3 -> 0. The chunks that cross take
// 7 ms and ten times as long on the wire; each of the 6 steps waits for one of them.
TEST(TopologyTimelineTest, ARingCrossesOnceInEachDirection) {
  const double slow = testing::kRate / 10;
  const absl::Duration chunk = OnWire(kElements / 4);
  const absl::Duration crossing = 7 * kMs + 10 * chunk;
  const absl::Duration got = OneAllReduce(TwoSites("ring", slow));
  EXPECT_LE(got, 6 * crossing);
  EXPECT_GE(got, 3 * crossing);
}

// The middle is as fast as all that may cross at once: then it is as if each pair had a link.
TEST(TopologyTimelineTest, AFastMiddleIsNoBottleneck) {
  TimelineOptions shared = TwoSites("direct", 4 * testing::kRate);
  TimelineOptions mesh = shared;
  mesh.network.trunks.clear();
  for (auto& [pair, link] : mesh.network.overrides) link.trunks.clear();
  ASSERT_FALSE(shared.network.trunks.empty());
  ExpectNear(OneAllReduce(shared), OneAllReduce(mesh));
}

TEST(TopologyTimelineTest, FoldedOrNotAStepIsTheSame) {
  const StepPlan plan = testing::AllReducePlan(4, {kElements, 1000, kElements, 1000, kElements, 7});
  TimelineOptions folded = TwoSites("two_phase", testing::kRate / 3);
  TimelineOptions whole = folded;
  whole.fold = false;
  auto first = TimelineSimulator::Create(folded).value();
  auto second = TimelineSimulator::Create(whole).value();
  for (int step = 0; step < 3; ++step) {
    EXPECT_EQ(first.RunStep(plan, testing::UnevenCompute(plan))->duration,
              second.RunStep(plan, testing::UnevenCompute(plan))->duration);
  }
}

TEST(TopologyTimelineTest, EverySecondIsAttributed) {
  for (const char* algorithm : {"direct", "two_phase", "ring", "ring_sliced", "star"}) {
    const TimelineOptions options = TwoSites(algorithm, testing::kRate / 3);
    const StepPlan plan = testing::AllReducePlan(4, {kElements, 3, 10000});
    const StepTimeline step = testing::RunOnce(options, plan, testing::UnevenCompute(plan));
    absl::Duration queueing;
    for (const RankStep& rank : step.ranks) {
      EXPECT_EQ(rank.breakdown.total(), rank.end - rank.begin) << algorithm;
      queueing += rank.breakdown.queueing;
    }
    EXPECT_GE(queueing, absl::ZeroDuration());
  }
}

}  // namespace
}  // namespace edgetp
