#include "common/collective/segments.h"

#include <gtest/gtest.h>

namespace edgetp {
namespace {

TEST(SegmentationTest, CoversTheChunkWithoutGapOrOverlap) {
  for (const int64_t elements : {1, 2, 5, 100, 1001}) {
    const Segmentation cut(elements, 4, 40);
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
  const Segmentation cut(100, 4, 42);
  for (int64_t i = 0; i < cut.count(); ++i) EXPECT_EQ(cut.at(i).size_bytes % 4, 0);
}

TEST(SegmentationTest, SendsOneElementAtATimeIfTheLimitIsSmaller) {
  EXPECT_EQ(Segmentation(3, 4, 1).count(), 3);
}

TEST(SegmentationTest, AnEmptyChunkHasNoSegments) { EXPECT_EQ(Segmentation(0, 4, 40).count(), 0); }

}  // namespace
}  // namespace edgetp
