#include "common/report/downsample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace edgetp {
namespace {

using ::testing::ElementsAre;

std::vector<double> Range(size_t size) {
  std::vector<double> x(size);
  for (size_t i = 0; i < size; ++i) x[i] = static_cast<double>(i);
  return x;
}

TEST(DownsampleTest, FewPointsStayAsTheyAre) {
  EXPECT_THAT(LargestTriangles({1, 2, 3}, {5, 5, 5}, 10), ElementsAre(0, 1, 2));
  EXPECT_TRUE(LargestTriangles({}, {}, 10).empty());
}

TEST(DownsampleTest, KeepsTheEndsAndRisesForEverySize) {
  for (const size_t size : {4, 5, 10, 99, 100, 101, 10'000}) {
    for (const size_t count : {0, 3, 4, 50, 1000}) {
      const std::vector<double> x = Range(size);
      const auto kept = LargestTriangles(x, x, count);
      EXPECT_EQ(kept.size(), std::min(size, std::max<size_t>(count, 3))) << size << " " << count;
      EXPECT_EQ(kept.front(), 0u);
      EXPECT_EQ(kept.back(), size - 1);
      EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end()));
      EXPECT_EQ(std::adjacent_find(kept.begin(), kept.end()), kept.end());
    }
  }
}

TEST(DownsampleTest, ASpikeIsKept) {
  const std::vector<double> x = Range(10'000);
  std::vector<double> y(x.size(), 1.0);
  y[6'543] = 100;
  const auto kept = LargestTriangles(x, y, 100);
  EXPECT_TRUE(std::find(kept.begin(), kept.end(), 6'543u) != kept.end());
}

TEST(DownsampleTest, TrailingMeansLookBackOnly) {
  EXPECT_THAT(TrailingMeans({2, 4, 6, 8}, 2), ElementsAre(2, 3, 5, 7));
  EXPECT_THAT(TrailingMeans({2, 4}, 20), ElementsAre(2, 3));
}

}  // namespace
}  // namespace edgetp
