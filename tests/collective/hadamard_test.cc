#include "common/collective/hadamard.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numeric>

#include "common/base/random.h"
#include "tests/collective/wire.h"

namespace edgetp {
namespace {

std::vector<float> Numbers(size_t count, uint64_t seed) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(ToUnit(RandomBits(seed, i)) - 0.5);
  return values;
}

double Length(absl::Span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return std::sqrt(sum);
}

TEST(HadamardTest, RotatingBackIsTheInverseForEveryCount) {
  for (const int64_t group : {2, 32, 64, 4096}) {
    for (const size_t count : {0, 1, 2, 31, 64, 65, 127, 1000}) {
      const std::vector<float> original = Numbers(count, 1);
      std::vector<float> values = original;
      Rotate(absl::MakeSpan(values), group, 7);
      RotateBack(absl::MakeSpan(values), group, 7);
      for (size_t i = 0; i < count; ++i) EXPECT_NEAR(values[i], original[i], 1e-6);
    }
  }
}

TEST(HadamardTest, KeepsTheLengthOfEachGroup) {
  std::vector<float> values = Numbers(128, 2);
  const std::vector<float> original = values;
  Rotate(absl::MakeSpan(values), 64, 7);
  for (const size_t begin : {0, 64}) {
    EXPECT_NEAR(Length(absl::MakeSpan(values).subspan(begin, 64)),
                Length(absl::MakeConstSpan(original).subspan(begin, 64)), 1e-5);
  }
}

TEST(HadamardTest, IsTheMatrixThatItSays) {
  constexpr size_t kGroup = 8;
  std::vector<std::vector<float>> columns;
  for (size_t i = 0; i < kGroup; ++i) {
    std::vector<float> unit(kGroup, 0.0f);
    unit[i] = 1;
    Rotate(absl::MakeSpan(unit), kGroup, 3);
    for (size_t row = 0; row < kGroup; ++row) {
      const float sign = std::popcount(row & i) % 2 == 0 ? 1.0f : -1.0f;
      EXPECT_NEAR(unit[row], unit[0] * sign, 1e-7);
      EXPECT_NEAR(std::abs(unit[row]), 1 / std::sqrt(8.0f), 1e-7);
    }
    columns.push_back(unit);
  }
}

TEST(HadamardTest, SignsFollowTheSeed) {
  std::vector<float> one = Numbers(64, 1);
  std::vector<float> again = one;
  std::vector<float> other = one;
  Rotate(absl::MakeSpan(one), 64, 1);
  Rotate(absl::MakeSpan(again), 64, 1);
  Rotate(absl::MakeSpan(other), 64, 2);
  EXPECT_EQ(one, again);
  EXPECT_NE(one, other);
}

// One outlier takes all of a scale: rotated, it does not.
TEST(HadamardTest, AnOutlierCostsLessAfterwards) {
  const WireFormat wire = testing::Wire("int4");
  std::vector<float> original = Numbers(64, 4);
  original[17] = 20;
  const auto error = [&](bool rotate) {
    std::vector<float> values = original;
    if (rotate) Rotate(absl::MakeSpan(values), 64, 7);
    wire.Round(absl::MakeSpan(values));
    if (rotate) RotateBack(absl::MakeSpan(values), 64, 7);
    for (size_t i = 0; i < values.size(); ++i) values[i] -= original[i];
    values[17] = 0;
    return Length(values);
  };
  EXPECT_LT(error(true), 0.9 * error(false));
}

}  // namespace
}  // namespace edgetp
