// Properties of every algorithm of the registry, over world sizes and element counts.
#include "common/collective/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/collective/direct.h"
#include "common/collective/registry.h"
#include "common/collective/star.h"
#include "common/collective/two_phase.h"
#include "tests/collective/schedule_runner.h"
#include "tests/collective/wire.h"

namespace edgetp {
namespace {

using testing::EveryFormat;
using testing::RunResult;
using testing::ScheduleRunner;
using testing::Wire;

constexpr int kWorldSizes[] = {1, 2, 3, 4, 5, 6, 7, 8};

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
                                  const WireFormat& wire) {
  std::vector<float> sum;
  for (std::vector<float> part : inputs) {
    wire.Round(absl::MakeSpan(part));
    if (sum.empty()) {
      sum = part;
      continue;
    }
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += part[i];
  }
  if (wire.elementwise()) wire.Round(absl::MakeSpan(sum));
  return sum;
}

class EveryAlgorithm : public ::testing::TestWithParam<std::string> {
 protected:
  const Algorithm& algorithm() const { return **FindAlgorithm(GetParam()); }

  // Those that can travel with it.
  std::vector<WireFormat> Formats() const {
    std::vector<WireFormat> formats;
    for (const WireFormat& wire : EveryFormat()) {
      if (CheckFormat(algorithm(), wire).ok()) formats.push_back(wire);
    }
    return formats;
  }

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
    for (const WireFormat& wire : Formats()) {
      const Schedule schedule = algorithm().build(world_size, count, wire.granule());
      EXPECT_EQ(ScheduleRunner(schedule, wire, Inputs(world_size, count)).Run().error, "");
    }
  });
}

TEST_P(EveryAlgorithm, LeavesTheSameBitsOnEveryRankForEveryFormat) {
  ForEachSize([this](int world_size, int64_t count) {
    for (const WireFormat& wire : Formats()) {
      const Schedule schedule = algorithm().build(world_size, count, wire.granule());
      const RunResult result = ScheduleRunner(schedule, wire, Inputs(world_size, count)).Run();
      for (const auto& buffer : result.buffers) EXPECT_EQ(Bits(buffer), Bits(result.buffers[0]));
    }
  });
}

TEST_P(EveryAlgorithm, GivesTheSum) {
  ForEachSize([this](int world_size, int64_t count) {
    const auto inputs = Inputs(world_size, count);
    const RunResult result =
        ScheduleRunner(algorithm().build(world_size, count, 1), WireFormat(), inputs).Run();
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
    for (const WireFormat& wire : Formats()) {
      if (!wire.elementwise() && algorithm().name != std::string("direct")) continue;
      const RunResult result =
          ScheduleRunner(algorithm().build(world_size, count, wire.granule()), wire, inputs).Run();
      EXPECT_EQ(Bits(result.buffers[0]), Bits(SumInRankOrder(inputs, wire)));
    }
  });
}

TEST_P(EveryAlgorithm, AddsItsOwnPartAtMostOncePerChunk) {
  ForEachSize([this](int world_size, int64_t count) {
    const Schedule schedule = algorithm().build(world_size, count, 1);
    const RunResult result =
        ScheduleRunner(schedule, WireFormat(), Inputs(world_size, count)).Run();
    for (const auto& chunks : result.own_adds) {
      for (const int adds : chunks) EXPECT_LE(adds, 1);
    }
  });
}

TEST_P(EveryAlgorithm, TakesThePromisedNumberOfDependentSteps) {
  ForEachSize([this](int world_size, int64_t count) {
    EXPECT_EQ(DependentSteps(algorithm().build(world_size, count, 1)),
              algorithm().dependent_steps(world_size));
  });
}

TEST_P(EveryAlgorithm, SendsThePromisedNumberOfElements) {
  ForEachSize([this](int world_size, int64_t count) {
    const Schedule schedule = algorithm().build(world_size, count, 1);
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
    const Schedule schedule = algorithm().build(world_size, count, 1);
    int64_t next = 0;
    for (const ChunkRange& chunk : schedule.chunks) {
      EXPECT_EQ(chunk.begin, next);
      EXPECT_GE(chunk.size(), 0);
      next = chunk.end;
    }
    EXPECT_EQ(next, count);
  });
}

TEST_P(EveryAlgorithm, CutsAtGranulesAndSendsTheBytesOfItsElements) {
  const WireFormat wire = Wire("int8:g32");
  ForEachSize([this, &wire](int world_size, int64_t count) {
    const Schedule schedule = algorithm().build(world_size, count, wire.granule());
    int64_t total = 0;
    for (const ChunkRange& chunk : schedule.chunks) {
      EXPECT_TRUE(chunk.size() == 0 || chunk.begin % wire.granule() == 0);
      total += wire.WireBytes(chunk.size());
    }
    EXPECT_EQ(total, wire.WireBytes(count));
    int64_t sent = 0;
    for (int rank = 0; rank < world_size; ++rank) sent += BytesSent(schedule, rank, wire);
    const bool minimal = algorithm().name == std::string("two_phase");
    EXPECT_TRUE(!minimal || sent == 2 * (world_size - 1) * wire.WireBytes(count)) << sent;
  });
}

// Two encodings of a sum are worse than one of each part and one of the sum.
TEST(FormatRuleTest, TheOwnerOfAChunkAddsItsExactPartAndEncodesTheSumOnce) {
  const WireFormat wire = Wire("int8:g4");
  const std::vector<std::vector<float>> inputs = {{1.001f, 2, 3, 100}, {5, 6, 7, 8.5f}};
  std::vector<float> want = inputs[1];
  wire.Round(absl::MakeSpan(want));
  for (size_t i = 0; i < want.size(); ++i) want[i] = inputs[0][i] + want[i];
  wire.Round(absl::MakeSpan(want));
  const RunResult star = ScheduleRunner(BuildStar(2, 4, 4), wire, inputs).Run();
  EXPECT_EQ(Bits(star.buffers[0]), Bits(want));
  EXPECT_EQ(Bits(star.buffers[1]), Bits(want));
}

TEST(FormatRuleTest, AlgorithmsThatEncodeAtEveryHopRefuseFewBitsAndNameTheOthers) {
  for (const char* name : {"ring", "halving_doubling"}) {
    const Algorithm& algorithm = **FindAlgorithm(name);
    for (const char* text : {"fp32", "bf16", "fp16"})
      EXPECT_TRUE(CheckFormat(algorithm, Wire(text)).ok());
    for (const char* text : {"fp8e4m3", "fp8e5m2", "int8", "int4", "mxfp8", "mxfp4"}) {
      const absl::Status status = CheckFormat(algorithm, Wire(text));
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_NE(std::string(status.message()).find("take direct, two_phase, star or auto"),
                std::string::npos);
    }
  }
}

TEST(FormatRuleTest, AValueIsEncodedOnceForAllThatItIsSentTo) {
  const Schedule direct = BuildDirect(4, 100);
  const Schedule two_phase = BuildTwoPhase(4, 100);
  const auto encodings = [](const std::vector<Action>& actions) {
    int count = 0;
    for (size_t i = 0; i < actions.size(); ++i) count += EncodesAt(actions, i) ? 1 : 0;
    return count;
  };
  EXPECT_EQ(encodings(direct.actions[0]), 1);
  EXPECT_EQ(encodings(two_phase.actions[0]), 3 + 1);
}

TEST_P(EveryAlgorithm, DoesNothingAlone) {
  EXPECT_EQ(algorithm().build(1, 1000, 1).actions.size(), 1u);
  EXPECT_TRUE(algorithm().build(1, 1000, 1).actions[0].empty());
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
  EXPECT_EQ(ToString((*FindAlgorithm("star"))->build(2, 4, 1)),
            "rank 0: add own chunk 0\n"
            "rank 0: receive chunk 0 from 1 and add it\n"
            "rank 0: send chunk 0 to 1\n"
            "rank 1: send chunk 0 to 0\n"
            "rank 1: receive chunk 0 from 0 as final\n");
}

}  // namespace
}  // namespace edgetp
