#include "common/simulate/crossover.h"

#include <gtest/gtest.h>

namespace edgetp {
namespace {

// A step of `fixed` seconds and `trips` messages one after another.
SecondsAtDelay Line(double fixed, double trips) {
  return [fixed, trips](absl::Duration delay) -> absl::StatusOr<double> {
    return fixed + trips * absl::ToDoubleSeconds(delay);
  };
}

TEST(CrossoverTest, IsWhereTheLinesMeet) {
  const auto found = FindCrossovers(Line(1, 16), Line(1.5, 4));
  ASSERT_TRUE(found.ok());
  ASSERT_EQ(found->size(), 1u);
  EXPECT_NEAR(absl::ToDoubleSeconds(found->front().delay), 0.5 / 12, 0.5 / 12 / 1000);
  EXPECT_TRUE(found->front().first_is_faster_below);
}

TEST(CrossoverTest, SaysWhichIsFasterBelow) {
  EXPECT_FALSE(FindCrossovers(Line(1.5, 4), Line(1, 16))->front().first_is_faster_below);
}

TEST(CrossoverTest, IsFoundToAMicrosecondWhereDelaysAreShort) {
  const auto found = FindCrossovers(Line(0, 16), Line(12e-6 * 12, 4));
  EXPECT_NEAR(absl::ToDoubleMicroseconds(found->front().delay), 12, 1);
}

TEST(CrossoverTest, ThereIsNoneWhereOneIsAlwaysFaster) {
  EXPECT_TRUE(FindCrossovers(Line(1, 16), Line(1, 4))->empty());
  EXPECT_TRUE(FindCrossovers(Line(1, 4), Line(1, 4))->empty());
  EXPECT_TRUE(FindCrossovers(Line(1, 1), Line(100, 0))->empty());  // at 99 s
}

TEST(CrossoverTest, ErrorsComeThrough) {
  const SecondsAtDelay broken = [](absl::Duration) -> absl::StatusOr<double> {
    return absl::UnavailableError("no");
  };
  EXPECT_EQ(FindCrossovers(Line(1, 1), broken).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace edgetp
