#include "common/search/pareto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace edgetp {
namespace {

using testing::ElementsAre;

TEST(ParetoTest, TheFrontIsWhatNobodyBeats) {
  //                        slow, good   beaten by 0   fast, bad   beaten by 0 and 2
  EXPECT_THAT(ParetoLayers({{2, 1.0}, {2.5, 1.1}, {1, 1.2}, {3, 1.3}}), ElementsAre(0, 1, 0, 2));
}

TEST(ParetoTest, EqualOutcomesShareALayer) {
  EXPECT_THAT(ParetoLayers({{1, 2}, {1, 2}, {2, 2}}), ElementsAre(0, 0, 1));
}

TEST(ParetoTest, TimesWithinHalfAPercentAreOne) {
  // Faster by 0.4 %, which is noise, and worse: no reason to take it.
  EXPECT_THAT(ParetoLayers({{1.0, 2}, {0.996, 2.1}}), ElementsAre(0, 1));
  EXPECT_THAT(ParetoLayers({{1.0, 2}, {0.99, 2.1}}), ElementsAre(0, 0));
}

TEST(ParetoTest, WhatHasDivergedIsWorseThanAnything) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(ParetoLayers({{1, nan}, {1, 5}, {1, INFINITY}, {2, nan}}), ElementsAre(1, 0, 1, 2));
}

TEST(ParetoTest, NothingHasNoLayers) { EXPECT_TRUE(ParetoLayers({}).empty()); }

}  // namespace
}  // namespace edgetp
