// Properties of every algorithm of the registry, over world sizes and element counts.
#include "common/collective/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/collective/registry.h"
#include "tests/collective/schedule_runner.h"

namespace edgetp {
namespace {

using testing::RunResult;
using testing::ScheduleRunner;

constexpr int kWorldSizes[] = {1, 2, 3, 4, 5, 7, 8};

std::vector<int64_t> Counts(int world_size) {
  return {0, 1, world_size - 1, world_size, world_size + 1, 1000};
}

// Values of very different sizes: another order of additions gives other bits.
std::vector<std::vector<float>> Inputs(int world_size, int64_t count) {
  std::vector<std::vector<float>> inputs(world_size, std::vector<float>(count));
  for (int rank = 0; rank < world_size; ++rank) {
    for (int64_t i = 0; i < count; ++i) {
      const double unit = ToUnit(RandomBits(7, rank, i)) - 0.5;
      inputs[rank][i] =
          static_cast<float>(std::ldexp(unit, static_cast<int>(RandomBits(8, rank, i) % 12)));
    }
  }
  return inputs;
}

std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

std::vector<float> SumInRankOrder(const std::vector<std::vector<float>>& inputs,
                                  const Codec& codec) {
  std::vector<float> sum;
  for (std::vector<float> part : inputs) {
    codec.round(part.data(), part.size());
    if (sum.empty()) {
      sum = part;
      continue;
    }
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
  }
  codec.round(sum.data(), sum.size());
  return sum;
}

class EveryAlgorithm : public ::testing::TestWithParam<std::string> {
 protected:
  const Algorithm& algorithm() const { return **FindAlgorithm(GetParam()); }

  // Calls `check(world_size, count)` for all of them.
  template <typename Check>
  void ForEachSize(const Check& check) {
    for (const int world_size : kWorldSizes) {
      for (const int64_t count : Counts(world_size)) {
        SCOPED_TRACE(absl::StrCat("world_size=", world_size, " count=", count));
        check(world_size, count);
      }
    }
  }
};

TEST_P(EveryAlgorithm, EndsWithEveryPartAddedExactlyOnceAndNoMessageLeft) {
  ForEachSize([this](int world_size, int64_t count) {
    const Schedule schedule = algorithm().build(world_size, count);
    for (const Codec& codec : Codecs()) {
      EXPECT_EQ(ScheduleRunner(schedule, codec, Inputs(world_size, count)).Run().error, "");
    }
  });
}

TEST_P(EveryAlgorithm, LeavesTheSameBitsOnEveryRankForEveryDtype) {
  ForEachSize([this](int world_size, int64_t count) {
    const Schedule schedule = algorithm().build(world_size, count);
    for (const Codec& codec : Codecs()) {
      const RunResult result = ScheduleRunner(schedule, codec, Inputs(world_size, count)).Run();
      for (const auto& buffer : result.buffers) EXPECT_EQ(Bits(buffer), Bits(result.buffers[0]));
    }
  });
}

TEST_P(EveryAlgorithm, GivesTheSum) {
  ForEachSize([this](int world_size, int64_t count) {
    const auto inputs = Inputs(world_size, count);
    const Codec& fp32 = Codecs().front();
    const RunResult result =
        ScheduleRunner(algorithm().build(world_size, count), fp32, inputs).Run();
    for (int64_t i = 0; i < count; ++i) {
      double want = 0;
      double size = 0;
      for (const auto& part : inputs) {
        want += part[i];
        size += std::abs(part[i]);
      }
      EXPECT_NEAR(result.buffers[0][i], want, 1e-6 * size);
    }
  });
}

TEST_P(EveryAlgorithm, SumsInRankOrderIfItSaysSo) {
  if (!algorithm().sums_in_rank_order) return;
  ForEachSize([this](int world_size, int64_t count) {
    if (world_size == 1) return;  // nothing is added, nothing is rounded
    const auto inputs = Inputs(world_size, count);
    for (const Codec& codec : Codecs()) {
      const RunResult result =
          ScheduleRunner(algorithm().build(world_size, count), codec, inputs).Run();
      EXPECT_EQ(Bits(result.buffers[0]), Bits(SumInRankOrder(inputs, codec)));
    }
  });
}

TEST_P(EveryAlgorithm, AddsItsOwnPartAtMostOncePerChunk) {
  ForEachSize([this](int world_size, int64_t count) {
    const Schedule schedule = algorithm().build(world_size, count);
    const RunResult result = ScheduleRunner(schedule, Codecs()[0], Inputs(world_size, count)).Run();
    for (const auto& chunks : result.own_adds) {
      for (const int adds : chunks) EXPECT_LE(adds, 1);
    }
  });
}

TEST_P(EveryAlgorithm, TakesThePromisedNumberOfDependentSteps) {
  ForEachSize([this](int world_size, int64_t count) {
    EXPECT_EQ(DependentSteps(algorithm().build(world_size, count)),
              algorithm().dependent_steps(world_size));
  });
}

TEST_P(EveryAlgorithm, SendsThePromisedNumberOfElements) {
  ForEachSize([this](int world_size, int64_t count) {
    const Schedule schedule = algorithm().build(world_size, count);
    int64_t busiest = 0;
    for (int rank = 0; rank < world_size; ++rank)
      busiest = std::max(busiest, ElementsSent(schedule, rank));
    const double promised =
        algorithm().elements_sent_per_element(world_size) * static_cast<double>(count);
    // Chunks differ by at most one element, and no rank sends more than 2P of them.
    const bool even = count % static_cast<int64_t>(schedule.chunks.size()) == 0;
    EXPECT_NEAR(static_cast<double>(busiest), promised, even ? 0 : 2 * world_size);
  });
}

TEST_P(EveryAlgorithm, CoversEveryElementByExactlyOneChunk) {
  ForEachSize([this](int world_size, int64_t count) {
    const Schedule schedule = algorithm().build(world_size, count);
    int64_t next = 0;
    for (const ChunkRange& chunk : schedule.chunks) {
      EXPECT_EQ(chunk.begin, next);
      EXPECT_GE(chunk.size(), 0);
      next = chunk.end;
    }
    EXPECT_EQ(next, count);
  });
}

TEST_P(EveryAlgorithm, DoesNothingAlone) {
  EXPECT_EQ(algorithm().build(1, 1000).actions.size(), 1u);
  EXPECT_TRUE(algorithm().build(1, 1000).actions[0].empty());
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Algorithm& algorithm : Algorithms()) names.push_back(algorithm.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryAlgorithm, ::testing::ValuesIn(Names()),
                         [](const auto& info) { return info.param; });

TEST(RegistryTest, UnknownNameListsTheKnownOnes) {
  const auto found = FindAlgorithm("rign");
  EXPECT_EQ(found.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(found.status().message()).find("direct, two_phase, ring"),
            std::string::npos);
}

TEST(ScheduleTest, AScheduleThatWaitsForEverHasNoDepth) {
  Schedule schedule = EmptySchedule("stuck", 2, EvenChunks(4, 1));
  schedule.actions[0] = {{ActionKind::kRecvCopy, 1, 0}};
  EXPECT_EQ(DependentSteps(schedule), 0);
}

TEST(ScheduleTest, PrintsOneLinePerAction) {
  EXPECT_EQ(ToString((*FindAlgorithm("star"))->build(2, 4)),
            "rank 0: add own chunk 0\n"
            "rank 0: receive chunk 0 from 1 and add it\n"
            "rank 0: send chunk 0 to 1\n"
            "rank 1: send chunk 0 to 0\n"
            "rank 1: receive chunk 0 from 0 as final\n");
}

}  // namespace
}  // namespace edgetp
