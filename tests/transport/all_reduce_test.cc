#include <bit>
#include <cmath>
#include <tuple>

#include "common/collective/registry.h"
#include "tests/collective/schedule_runner.h"
#include "tests/collective/wire.h"
#include "tests/transport/local_cluster.h"

namespace edgetp {
namespace {

constexpr int64_t kCounts[] = {0, 1, 7, 1000, 300'000};

std::vector<float> RankOrderedSum(int world_size, int64_t count) {
  std::vector<float> sum = TestValues(0, count);
  for (int r = 1; r < world_size; ++r) {
    const std::vector<float> part = TestValues(r, count);
    for (int64_t i = 0; i < count; ++i) sum[i] += part[i];
  }
  return sum;
}

// Sums every count over all ranks, one collective after another. Result: [rank][index of kCounts].
std::vector<std::vector<std::vector<float>>> SumEverywhere(int world_size,
                                                           const CollectiveGroupOptions& options) {
  LocalCluster cluster(world_size);
  std::vector<std::vector<std::vector<float>>> sums(world_size);
  ExpectAllOk(cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
    for (const int64_t count : kCounts) {
      std::vector<float> data = TestValues(group.rank(), count);
      const absl::Status status = group.AllReduce(kForwardTag, absl::MakeSpan(data));
      if (!status.ok()) return status;
      sums[group.rank()].push_back(std::move(data));
    }
    return absl::OkStatus();
  }));
  return sums;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y);
  });
}

class AllReduceTest : public ::testing::TestWithParam<std::tuple<int, std::string>> {
 protected:
  int world_size() const { return std::get<0>(GetParam()); }
  const Algorithm& algorithm() const { return **FindAlgorithm(std::get<1>(GetParam())); }
  CollectiveGroupOptions Options() const {
    CollectiveGroupOptions options;
    options.choose = FixedAlgorithm(algorithm().name);
    options.segment_bytes = 100'000;  // several segments, and a last one that is shorter
    options.slice_bytes = 120'000;    // several slices of several segments
    return options;
  }
};

TEST_P(AllReduceTest, EveryRankHoldsTheSameBitsOfTheSum) {
  const auto sums = SumEverywhere(world_size(), Options());
  for (size_t c = 0; c < std::size(kCounts); ++c) {
    const std::vector<float> want = RankOrderedSum(world_size(), kCounts[c]);
    for (int r = 0; r < world_size(); ++r) {
      EXPECT_TRUE(SameBits(sums[r][c], sums[0][c])) << "rank " << r << " count " << kCounts[c];
    }
    EXPECT_TRUE(!algorithm().sums_in_rank_order || SameBits(sums[0][c], want)) << kCounts[c];
    for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(sums[0][c][i], want[i], 1e-2) << i;
  }
}

// Also of both zeros, and where the wire dtype of the class is another.
TEST_P(AllReduceTest, EveryRankHoldsTheSameBitsOfTheMaximum) {
  CollectiveGroupOptions options = Options();
  options.wire_forward = "bf16";
  CollectiveTag tag = kForwardTag;
  tag.reduction = Reduction::kMax;
  for (const int64_t count : kCounts) {
    std::vector<float> want = TestValues(0, count);
    for (int r = 1; r < world_size(); ++r) {
      const std::vector<float> part = TestValues(r, count);
      for (int64_t i = 0; i < count; ++i) want[i] = std::max(want[i], part[i]);
    }
    if (count > 2) want[2] = 0.0f;
    LocalCluster cluster(world_size());
    ExpectAllOk(cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
      std::vector<float> data = TestValues(group.rank(), count);
      if (count > 2) data[2] = group.rank() == 1 ? 0.0f : -0.0f;
      const absl::Status status = group.AllReduce(tag, absl::MakeSpan(data));
      EXPECT_TRUE(SameBits(data, want)) << "rank " << group.rank() << " count " << count;
      return status;
    }));
  }
}

TEST_P(AllReduceTest, WithBf16EveryRankHoldsTheSameBitsCloseToTheSum) {
  CollectiveGroupOptions options = Options();
  options.wire_forward = "bf16";
  options.segment_bytes = 33'333;  // not a whole number of elements
  const auto sums = SumEverywhere(world_size(), options);
  for (size_t c = 0; c < std::size(kCounts); ++c) {
    const std::vector<float> want = RankOrderedSum(world_size(), kCounts[c]);
    for (int r = 0; r < world_size(); ++r) EXPECT_TRUE(SameBits(sums[r][c], sums[0][c])) << r;
    // Each of at most world size + 1 roundings is off by 2^-9 of at most 1100 per rank.
    const double bound = (world_size() + 1) * world_size() * 1100.0 / 512;
    for (size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(sums[0][c][i], want[i], bound) << i;
  }
}

TEST_P(AllReduceTest, WithBf16TheBitsAreThoseOfTheScheduleInterpreted) {
  CollectiveGroupOptions options = Options();
  options.wire_forward = "bf16";
  const auto sums = SumEverywhere(world_size(), options);
  for (size_t c = 0; c < std::size(kCounts); ++c) {
    std::vector<std::vector<float>> inputs;
    for (int r = 0; r < world_size(); ++r) inputs.push_back(TestValues(r, kCounts[c]));
    const Schedule schedule = algorithm().build(world_size(), kCounts[c], 1);
    const testing::RunResult want =
        testing::ScheduleRunner(schedule, testing::Wire("bf16"), inputs).Run();
    ASSERT_EQ(want.error, "");
    for (int r = 0; r < world_size(); ++r)
      EXPECT_TRUE(SameBits(sums[r][c], want.buffers[r])) << "rank " << r << " count " << kCounts[c];
  }
}

// Segments end at groups, messages inside of them, and so may gRPC's slices.
TEST_P(AllReduceTest, WithFewBitsTheBitsAreThoseOfTheScheduleInterpreted) {
  for (const std::string format : {"fp16", "int8:g32", "int4", "fp8e4m3", "mxfp4"}) {
    const WireFormat wire = testing::Wire(format);
    if (!CheckFormat(algorithm(), wire).ok()) continue;
    CollectiveGroupOptions options = Options();
    options.wire_forward = format;
    options.segment_bytes = 33'333;
    const auto sums = SumEverywhere(world_size(), options);
    for (size_t c = 0; c < std::size(kCounts); ++c) {
      std::vector<std::vector<float>> inputs;
      for (int r = 0; r < world_size(); ++r) inputs.push_back(TestValues(r, kCounts[c]));
      const Schedule schedule = algorithm().build(world_size(), kCounts[c], wire.granule());
      const testing::RunResult want = testing::ScheduleRunner(schedule, wire, inputs).Run();
      ASSERT_EQ(want.error, "");
      for (int r = 0; r < world_size(); ++r)
        EXPECT_TRUE(SameBits(sums[r][c], want.buffers[r])) << format << " rank " << r;
    }
  }
}

TEST_P(AllReduceTest, RotatedEveryRankHoldsTheSameBitsCloseToTheSum) {
  if (algorithm().encodes_every_hop) return;
  CollectiveGroupOptions options = Options();
  options.wire_forward = "int8+hadamard";
  options.seed = 42;
  const auto sums = SumEverywhere(world_size(), options);
  for (size_t c = 0; c < std::size(kCounts); ++c) {
    const std::vector<float> want = RankOrderedSum(world_size(), kCounts[c]);
    for (int r = 0; r < world_size(); ++r) EXPECT_TRUE(SameBits(sums[r][c], sums[0][c])) << r;
    // A rotated value is at most sqrt(128) times 1100, its step 1/127 of that; each rank's and the
    // sum's is rounded by half a step, and rotating back spreads the errors.
    const double step = std::sqrt(128.0) * 1100 / 127;
    for (size_t i = 0; i < want.size(); ++i)
      ASSERT_NEAR(sums[0][c][i], want[i], 2 * world_size() * step) << i;
  }
}

TEST(AllReduceFormatTest, AFormatThatDoesNotSurviveHopsIsRefused) {
  LocalCluster cluster(2);
  CollectiveGroupOptions options;
  options.choose = FixedAlgorithm("ring");
  options.wire_forward = "int8";
  for (const absl::Status& status : cluster.OnEachGroup(options, [](CollectiveGroup& group) {
         std::vector<float> data(10, 1.0f);
         return group.AllReduce(kForwardTag, absl::MakeSpan(data));
       })) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  }
}

TEST(AllReduceBitsTest, WithBf16TheAlgorithmsInRankOrderAgreeToTheLastBit) {
  CollectiveGroupOptions options;
  options.wire_forward = "bf16";
  for (const int world_size : {2, 3, 4}) {
    options.choose = FixedAlgorithm("direct");
    const auto direct = SumEverywhere(world_size, options);
    for (const std::string name : {"two_phase", "star"}) {
      options.choose = FixedAlgorithm(name);
      EXPECT_EQ(SumEverywhere(world_size, options), direct) << name << " world " << world_size;
    }
  }
}

std::vector<std::string> AlgorithmNames() {
  std::vector<std::string> names;
  for (const Algorithm& algorithm : Algorithms()) names.push_back(algorithm.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Registry, AllReduceTest,
                         ::testing::Combine(::testing::Values(2, 3, 4),
                                            ::testing::ValuesIn(AlgorithmNames())),
                         [](const auto& info) {
                           return std::get<1>(info.param) + "_" +
                                  std::to_string(std::get<0>(info.param));
                         });

TEST(AllReduceJobsTest, OneEndpointCarriesOneJobAfterAnother) {
  LocalCluster cluster(2);
  for (const std::string job : {"first", "second", "third"}) {
    ExpectAllOk(cluster.OnEachRank([&](int rank) {
      auto group = CollectiveGroup::Create(cluster.Connected(rank, job), {});
      std::vector<float> data(10, 1.0f);
      const absl::Status status = (*group)->AllReduce(kForwardTag, absl::MakeSpan(data));
      EXPECT_EQ(data[9], 2.0f);
      return status;
    }));
  }
}

TEST(AllReduceJobsTest, WhatARankSentBeforeItLeftIsStillDelivered) {
  LocalCluster cluster(2);
  CollectiveGroupOptions options;
  options.choose = FixedAlgorithm("star");  // rank 0 sends the sum last, and leaves
  ExpectAllOk(cluster.OnEachGroup(options, [](CollectiveGroup& group) {
    std::vector<float> data(1 << 20, 1.0f);
    const absl::Status status = group.AllReduce(kForwardTag, absl::MakeSpan(data));
    EXPECT_EQ(data.back(), 2.0f);
    return status;
  }));
}

}  // namespace
}  // namespace edgetp
