// What slices change of a ring: when messages go, and nothing else. (What every algorithm of the
// registry promises, schedule_test.cc checks of whole chunks.)
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/collective/registry.h"
#include "common/collective/ring.h"
#include "tests/collective/schedule_runner.h"
#include "tests/collective/wire.h"

namespace edgetp {
namespace {

using testing::RunResult;
using testing::ScheduleRunner;
using testing::Wire;

std::vector<std::vector<float>> Inputs(int world_size, int64_t count) {
  std::vector<std::vector<float>> inputs(world_size, std::vector<float>(count));
  for (int rank = 0; rank < world_size; ++rank) {
    for (int64_t i = 0; i < count; ++i)
      inputs[rank][i] = static_cast<float>(std::exp(8 * ToUnit(RandomBits(7, rank, i))));
  }
  return inputs;
}

template <typename Check>
void ForEachCut(const Check& check) {
  for (const int world_size : {1, 2, 3, 4, 5, 7, 8}) {
    for (const int64_t count : {0, 1, 7, 64, 1000}) {
      for (const int64_t slice : {1, 3, 32, 70, 5000}) {
        SCOPED_TRACE(absl::StrCat("world_size=", world_size, " count=", count, " slice=", slice));
        check(world_size, count, slice);
      }
    }
  }
}

TEST(RingSlicedTest, HasTheBitsOfTheRingWhateverTheSlice) {
  for (const char* format : {"fp32", "bf16", "fp16"}) {
    const WireFormat wire = Wire(format);
    ForEachCut([&wire](int world_size, int64_t count, int64_t slice) {
      const auto inputs = Inputs(world_size, count);
      const RunResult ring = ScheduleRunner(BuildRing(world_size, count), wire, inputs).Run();
      const RunResult sliced =
          ScheduleRunner(BuildRingSliced(world_size, count, 1, slice), wire, inputs).Run();
      EXPECT_EQ(sliced.error, "");
      EXPECT_EQ(sliced.buffers, ring.buffers);
    });
  }
}

TEST(RingSlicedTest, TakesTheStepsAndElementsOfTheRing) {
  ForEachCut([](int world_size, int64_t count, int64_t slice) {
    const Schedule ring = BuildRing(world_size, count);
    const Schedule sliced = BuildRingSliced(world_size, count, 1, slice);
    EXPECT_EQ(DependentSteps(sliced), 2 * (world_size - 1));
    for (int rank = 0; rank < world_size; ++rank)
      EXPECT_EQ(ElementsSent(sliced, rank), ElementsSent(ring, rank));
  });
}

TEST(RingSlicedTest, ASliceIsNeverLongerThanAskedForAndBeginsAtAGranule) {
  for (const int64_t granule : {1, 32}) {
    ForEachCut([granule](int world_size, int64_t count, int64_t slice) {
      for (const ChunkRange& chunk : BuildRingSliced(world_size, count, granule, slice).chunks) {
        EXPECT_LE(chunk.size(), std::max(slice, granule));
        EXPECT_TRUE(chunk.size() == 0 || chunk.begin % granule == 0);
      }
    });
  }
}

// Slice k of a step goes on before slice k + 1 is waited for.
TEST(RingSlicedTest, ASliceIsPassedOnAsSoonAsItIsThere) {
  EXPECT_EQ(ToString(BuildRingSliced(2, 4, 1, 1)).substr(0, 316),
            "rank 0: send chunk 0 to 1\n"
            "rank 0: send chunk 1 to 1\n"
            "rank 0: receive chunk 2 from 1 and add it\n"
            "rank 0: add own chunk 2\n"
            "rank 0: send chunk 2 to 1\n"
            "rank 0: receive chunk 3 from 1 and add it\n"
            "rank 0: add own chunk 3\n"
            "rank 0: send chunk 3 to 1\n"
            "rank 0: receive chunk 0 from 1 as final\n"
            "rank 0: receive chunk 1 from 1 as final\n");
}

// A schedule is in memory on every rank, whatever somebody asks for.
TEST(RingSlicedTest, NumberOfMessagesIsBounded) {
  const Schedule schedule = BuildRingSliced(64, int64_t{1} << 36, 1, 256);
  size_t messages = 0;
  for (const auto& actions : schedule.actions)
    messages += std::count_if(actions.begin(), actions.end(), Receives);
  EXPECT_LE(messages, size_t{1} << 22);
  EXPECT_GE(messages, size_t{1} << 21);
}

TEST(SliceElementsTest, AreWholeGranulesOfTheFormatAndAtLeastOne) {
  EXPECT_EQ(SliceElements(Wire("fp32"), 1 << 20), 1 << 18);
  EXPECT_EQ(SliceElements(Wire("bf16"), 1 << 20), 1 << 19);
  EXPECT_EQ(SliceElements(Wire("int8:g32"), 1000), 29 * 32);
  EXPECT_EQ(SliceElements(Wire("int8:g32"), 1), 32);
}

}  // namespace
}  // namespace edgetp
