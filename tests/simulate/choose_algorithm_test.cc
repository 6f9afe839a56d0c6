#include "common/simulate/choose_algorithm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/collective/registry.h"

namespace edgetp {
namespace {

AllReduceProblem Problem(int world_size, int64_t elements) {
  AllReduceProblem problem;
  problem.world_size = world_size;
  problem.elements = elements;
  problem.network.link.delay = absl::Milliseconds(3);
  problem.network.link.rate_bits_per_second = 300e6;
  return problem;
}

TEST(ChooseAlgorithmTest, SmallAllReducesAreBoundByDelay) {
  EXPECT_EQ(ChooseAlgorithm(Problem(4, 100)), "direct");
}

TEST(ChooseAlgorithmTest, LargeAllReducesAreBoundByRate) {
  EXPECT_EQ(ChooseAlgorithm(Problem(4, 9 << 20)), "two_phase");
}

TEST(ChooseAlgorithmTest, TwoRanksExchangeDirectly) {
  EXPECT_EQ(ChooseAlgorithm(Problem(2, 9 << 20)), "direct");
}

// On a shared medium, two ranks move the same bytes whatever they do; only roundings differ.
TEST(ChooseAlgorithmTest, OfEquallyCheapOnesTheFirstIsTaken) {
  for (int64_t elements = 100; elements < 1'000'000; elements = elements * 3 / 2) {
    AllReduceProblem problem = Problem(2, elements);
    problem.network.link.delay = absl::ZeroDuration();
    problem.network.shared_medium = true;
    EXPECT_EQ(ChooseAlgorithm(problem), "direct") << elements;
  }
}

TEST(ChooseAlgorithmTest, AHubIsUsedWhereOnlyItsLinksAreFast) {
  AllReduceProblem problem = Problem(4, 100);
  LinkOptions fast = problem.network.link;
  fast.delay = absl::Microseconds(100);
  for (int rank = 1; rank < 4; ++rank) {
    problem.network.overrides[{0, rank}] = problem.network.overrides[{rank, 0}] = fast;
  }
  problem.elements = 1'000'000;
  problem.network.link.rate_bits_per_second = 1e6;
  EXPECT_EQ(ChooseAlgorithm(problem), "star");
}

TEST(ChooseAlgorithmTest, TheChoiceNeverChangesLosses) {
  for (const int world_size : {1, 2, 3, 5, 8}) {
    for (const int64_t elements : {0, 1, 1000, 1000000}) {
      const std::string name = ChooseAlgorithm(Problem(world_size, elements));
      EXPECT_TRUE((*FindAlgorithm(name))->sums_in_rank_order);
    }
  }
}

TEST(ChooseAlgorithmTest, JitteredNetworksAreChosenForAlikeByAllRanks) {
  AllReduceProblem problem = Problem(4, 98304);
  problem.network.link.jitter = absl::Milliseconds(5);
  problem.network.link.distribution = JitterDistribution::kPareto;
  EXPECT_EQ(ChooseAlgorithm(problem), ChooseAlgorithm(problem));
  EXPECT_EQ(PriceAllReduce(problem, "direct")->mean, PriceAllReduce(problem, "direct")->mean);
}

// Both ranks send at once and wait for one another: d + w + the larger of two jitters.
void ExpectMean(const AllReduceProblem& problem, double jitter_ms, double tolerance_ms) {
  AllReduceProblem calm = problem;
  calm.network.link.jitter = absl::ZeroDuration();
  calm.network.link.distribution = JitterDistribution::kNormal;
  const AllReduceCost without = PriceAllReduce(calm, "direct").value();
  const AllReduceCost cost = PriceAllReduce(problem, "direct").value();
  EXPECT_EQ(without.draws, 1);
  EXPECT_EQ(without.low, without.mean);
  EXPECT_EQ(without.high, without.mean);
  EXPECT_GE(cost.draws, 32);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(cost.mean - without.mean), jitter_ms, tolerance_ms);
  EXPECT_LE(cost.high - cost.mean, 0.02 * cost.mean);
  EXPECT_LT(cost.low, cost.mean);
  EXPECT_GT(cost.longest, cost.mean);
}

TEST(PriceAllReduceTest, TheMeanOfARandomNetworkIsItsExpectation) {
  AllReduceProblem problem = Problem(2, 98304);
  problem.network.link.delay = absl::Milliseconds(20);
  problem.network.link.jitter = absl::Milliseconds(5);
  ExpectMean(problem, 5 / std::sqrt(3.14159265358979), 0.5);  // of two normal numbers
  problem.network.link.distribution = JitterDistribution::kUniform;
  ExpectMean(problem, 5.0 / 3, 0.5);  // of two in [-5, 5]
}

// A tail of one in a hundred that is 250 ms long: few draws meet it never, or too often.
TEST(PriceAllReduceTest, AHeavyTailIsDrawnUntilItsMeanIsKnown) {
  AllReduceProblem problem = Problem(2, 98304);
  problem.network.link.distribution = JitterDistribution::kQuantiles;
  problem.network.link.quantiles = {{0, absl::ZeroDuration()},
                                    {0.989999, absl::ZeroDuration()},
                                    {0.99, absl::Milliseconds(250)},
                                    {1, absl::Milliseconds(250)}};
  ExpectMean(problem, 250 * (1 - 0.99 * 0.99), 0.6);
}

TEST(PriceAllReduceTest, ARareLossIsNotTakenForNone) {
  AllReduceProblem problem = Problem(2, 1000);
  problem.network.link.loss = 1e-4;
  const AllReduceCost cost = PriceAllReduce(problem, "direct").value();
  EXPECT_GT(cost.draws, 1000);
  EXPECT_GT(cost.high, cost.mean);
  EXPECT_GT(cost.longest, absl::Milliseconds(200));
}

TEST(PriceAllReduceTest, ASmallBudgetShowsInTheInterval) {
  AllReduceProblem problem = Problem(4, 98304);
  problem.network.link.jitter = absl::Milliseconds(50);
  problem.network.link.distribution = JitterDistribution::kPareto;
  const AllReduceCost cost = PriceAllReduce(problem, "two_phase", 1000).value();
  EXPECT_LE(cost.draws, 1000 / 24);
  EXPECT_GT(cost.high - cost.mean, 0.02 * cost.mean);
}

// What one all-reduce leaves behind, the next one does not meet: a rank that is late now would be
// late again.
TEST(PriceAllReduceTest, EveryDrawIsEnteredByAllAtOnce) {
  AllReduceProblem problem = Problem(2, 1);
  problem.network.link.rate_bits_per_second = 0;
  problem.network.link.jitter = absl::Milliseconds(3);
  problem.network.link.distribution = JitterDistribution::kUniform;
  const AllReduceCost cost = PriceAllReduce(problem, "direct").value();
  EXPECT_LE(cost.longest, absl::Milliseconds(6));
  EXPECT_NEAR(absl::ToDoubleMilliseconds(cost.mean), 3 + 1, 0.1);
}

TEST(PriceAllReduceTest, APartitionIsIgnored) {
  AllReduceProblem problem = Problem(2, 100);
  const absl::Duration whole = PriceAllReduce(problem, "direct")->mean;
  problem.network.partition_group = {0, 1};
  EXPECT_EQ(PriceAllReduce(problem, "direct")->mean, whole);
}

TEST(PriceAllReduceTest, BadSizesAreInvalid) {
  for (const AllReduceProblem& problem : {Problem(0, 1), Problem(2, -1)}) {
    EXPECT_EQ(PriceAllReduce(problem, "direct").status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(PriceAllReduceTest, AFormatThatDoesNotSurviveHopsIsInvalid) {
  AllReduceProblem problem = Problem(4, 1000);
  problem.wire = WireFormat::Parse("int8").value();
  EXPECT_EQ(PriceAllReduce(problem, "ring").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(PriceAllReduce(problem, ChooseAlgorithm(problem)).ok());
}

// 1 MiB at 300 Mbit/s take 28 ms: slow software adds what it takes beyond.
TEST(PriceAllReduceTest, TheSoftwaresRateForAMessagesBytesCounts) {
  AllReduceProblem problem = Problem(2, 1 << 18);
  const absl::Duration free = PriceAllReduce(problem, "direct")->mean;
  problem.device.message_bytes_per_second = 1e6;
  EXPECT_GT(PriceAllReduce(problem, "direct")->mean, free + absl::Seconds(1));
}

// Encoded once for all peers, and decoded from each.
TEST(PriceAllReduceTest, EncodingAndDecodingTakeTheDevicesTime) {
  AllReduceProblem problem = Problem(4, 1 << 18);
  problem.wire = WireFormat::Parse("int8").value();
  const absl::Duration free = PriceAllReduce(problem, "direct")->mean;
  problem.device.codec_bytes_per_second = 1 << 20;  // a second for all of them
  const absl::Duration slow = PriceAllReduce(problem, "direct")->mean;
  EXPECT_NEAR(absl::ToDoubleSeconds(slow - free), 1 + 3, 0.1);
  problem.wire = WireFormat::Parse("int8+hadamard").value();
  const absl::Duration rotated = PriceAllReduce(problem, "direct")->mean;
  EXPECT_NEAR(absl::ToDoubleSeconds(rotated - slow), 2, 0.1);
  problem.wire = WireFormat::Parse("bf16").value();
  EXPECT_LT(PriceAllReduce(problem, "direct")->mean, absl::Seconds(0.2));
}

TEST(PriceAllReduceTest, UnknownAlgorithmIsInvalid) {
  EXPECT_EQ(PriceAllReduce(Problem(2, 1), "rign").status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace edgetp
