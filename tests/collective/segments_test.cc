#include "common/collective/segments.h"

#include <gtest/gtest.h>

#include "tests/collective/wire.h"

namespace edgetp {
namespace {

TEST(SegmentationTest, CoversTheChunkWithoutGapOrOverlap) {
  for (const int64_t elements : {1, 2, 5, 100, 1001}) {
    const Segmentation cut(WireFormat(), elements, 40);
    int64_t next = 0;
    for (int64_t i = 0; i < cut.count(); ++i) {
      EXPECT_EQ(cut.at(i).offset_bytes, next);
      EXPECT_GT(cut.at(i).size_bytes, 0);
      EXPECT_LE(cut.at(i).size_bytes, 40);
      next += cut.at(i).size_bytes;
    }
    EXPECT_EQ(next, elements * 4);
  }
}

TEST(SegmentationTest, NeverSplitsAnElement) {
  const Segmentation cut(WireFormat(), 100, 42);
  for (int64_t i = 0; i < cut.count(); ++i) EXPECT_EQ(cut.at(i).size_bytes % 4, 0);
}

TEST(SegmentationTest, SendsOneElementAtATimeIfTheLimitIsSmaller) {
  EXPECT_EQ(Segmentation(WireFormat(), 3, 1).count(), 3);
}

TEST(SegmentationTest, AnEmptyChunkHasNoSegments) {
  EXPECT_EQ(Segmentation(WireFormat(), 0, 40).count(), 0);
}

TEST(SegmentationTest, CutsEveryFormatAtGranulesAlone) {
  for (const WireFormat& wire : testing::EveryFormat()) {
    for (const int64_t elements : {1, 31, 32, 33, 1000, 4097}) {
      const Segmentation cut(wire, elements, 1024);
      int64_t bytes = 0;
      int64_t next = 0;
      for (int64_t i = 0; i < cut.count(); ++i) {
        const SegmentRange range = cut.at(i);
        EXPECT_EQ(range.begin, next);
        EXPECT_EQ(range.begin % wire.granule(), 0);
        EXPECT_EQ(range.offset_bytes, wire.WireBytes(range.begin));
        EXPECT_EQ(range.size_bytes, wire.WireBytes(range.elements));
        EXPECT_LE(range.size_bytes, 1024);
        next += range.elements;
        bytes += range.size_bytes;
      }
      EXPECT_EQ(next, elements);
      EXPECT_EQ(bytes, wire.WireBytes(elements));
    }
  }
}

TEST(SegmentationTest, AGroupThatIsLargerThanASegmentTravelsWhole) {
  EXPECT_EQ(Segmentation(testing::Wire("fp8e4m3:g4096"), 8192, 1024).count(), 2);
}

}  // namespace
}  // namespace edgetp
