#include "common/simulate/choose_algorithm.h"

#include <gtest/gtest.h>

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
  EXPECT_EQ(*PriceAllReduce(problem, "direct"), *PriceAllReduce(problem, "direct"));
}

TEST(PriceAllReduceTest, APartitionIsIgnored) {
  AllReduceProblem problem = Problem(2, 100);
  const absl::Duration whole = *PriceAllReduce(problem, "direct");
  problem.network.partition_group = {0, 1};
  EXPECT_EQ(*PriceAllReduce(problem, "direct"), whole);
}

TEST(PriceAllReduceTest, BadSizesAreInvalid) {
  AllReduceProblem narrow = Problem(2, 1);
  narrow.bytes_per_element = 0;
  for (const AllReduceProblem& problem : {narrow, Problem(0, 1), Problem(2, -1)}) {
    EXPECT_EQ(PriceAllReduce(problem, "direct").status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(PriceAllReduceTest, UnknownAlgorithmIsInvalid) {
  EXPECT_EQ(PriceAllReduce(Problem(2, 1), "rign").status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace edgetp
