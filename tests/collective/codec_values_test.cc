// What each format makes of values, held against slow code that shares nothing with the kernels:
// it searches the list of all values that a format has.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "common/base/random.h"
#include "tests/collective/wire.h"

namespace edgetp {
namespace {

using testing::Wire;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// The values of a small format from 0 up, by code without its sign.
std::vector<double> Magnitudes(int exponent_bits, int mantissa_bits, int bias, double limit) {
  std::vector<double> values;
  for (int code = 0; code < 1 << (exponent_bits + mantissa_bits); ++code) {
    const int exponent = code >> mantissa_bits;
    const double mantissa = std::ldexp(code % (1 << mantissa_bits), -mantissa_bits);
    const double value =
        exponent == 0 ? std::ldexp(mantissa, 1 - bias) : std::ldexp(1 + mantissa, exponent - bias);
    if (value <= limit) values.push_back(value);
  }
  return values;
}

std::vector<double> Integers(int largest) {
  std::vector<double> values;
  for (int i = 0; i <= largest; ++i) values.push_back(i);
  return values;
}

// The nearest; of two, the one with the even code.
double Nearest(const std::vector<double>& magnitudes, double value) {
  size_t best = 0;
  for (size_t code = 1; code < magnitudes.size(); ++code) {
    const double better =
        std::abs(magnitudes[best] - std::abs(value)) - std::abs(magnitudes[code] - std::abs(value));
    if (better > 0 || (better == 0 && code % 2 == 0)) best = code;
  }
  return std::copysign(magnitudes[best], value);
}

struct Reference {
  const char* format;
  std::vector<double> magnitudes;
  const char* scale;  // the format of the scale; "": a power of two
};

std::vector<Reference> References() {
  return {{"fp8e4m3", Magnitudes(4, 3, 7, 448), "bf16"},
          {"fp8e5m2", Magnitudes(5, 2, 15, 57344), "bf16"},
          {"int8", Integers(127), "fp16"},
          {"int4", Integers(7), "fp16"},
          {"mxfp8", Magnitudes(4, 3, 7, 448), ""},
          {"mxfp4", Magnitudes(2, 1, 1, 6), ""}};
}

float ScaleOf(const Reference& reference, float largest) {
  const double limit = reference.magnitudes.back();
  if (*reference.scale == '\0') return std::ldexp(1.0f, std::ilogb(largest) - std::ilogb(limit));
  float scale = largest / static_cast<float>(limit);
  Wire(reference.scale).Round(absl::MakeSpan(&scale, 1));
  return scale;
}

std::vector<float> Through(const WireFormat& wire, std::vector<float> values) {
  wire.Round(absl::MakeSpan(values));
  return values;
}

TEST(CodecValuesTest, EveryValueBecomesTheNearestThatTheFormatHas) {
  for (const Reference& reference : References()) {
    const WireFormat wire = Wire(reference.format);
    for (uint64_t group = 0; group < 200; ++group) {
      std::vector<float> values(wire.granule());
      float largest = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        const double unit = 2 * ToUnit(RandomBits(5, group, i)) - 1;
        values[i] = static_cast<float>(std::ldexp(
            unit, static_cast<int>(RandomBits(6, group, i) % 12) - static_cast<int>(group % 10)));
        largest = std::max(largest, std::abs(values[i]));
      }
      const float scale = ScaleOf(reference, largest);
      const std::vector<float> got = Through(wire, values);
      for (size_t i = 0; i < values.size(); ++i) {
        const float quotient = values[i] / scale;
        EXPECT_EQ(got[i], static_cast<float>(Nearest(reference.magnitudes, quotient) * scale))
            << reference.format << " " << values[i] << " of " << largest;
      }
    }
  }
}

// All codes: with the largest value in the group, the scale is 1 and each value is kept.
TEST(CodecValuesTest, EveryValueOfAFormatIsKept) {
  for (const Reference& reference : References()) {
    const WireFormat wire = Wire(reference.format);
    for (const double magnitude : reference.magnitudes) {
      const auto value = static_cast<float>(magnitude);
      const auto limit = static_cast<float>(reference.magnitudes.back());
      EXPECT_EQ(Through(wire, {limit, value, -value}),
                (std::vector<float>{limit, value, value == 0 ? 0.0f : -value}))
          << reference.format;
    }
  }
  EXPECT_EQ(References()[0].magnitudes.size(), 127u);  // e4m3: one code of 128 is NaN
  EXPECT_EQ(References()[1].magnitudes.size(), 124u);  // e5m2: infinity and three NaNs
}

TEST(CodecValuesTest, HalvesGoToTheEvenCode) {
  // Between 16 and 17; 17 and 18; the smallest denormal and 0.
  EXPECT_EQ(Through(Wire("int8"), {127, 16.5f, 17.5f, -2.5f})[1], 16);
  EXPECT_EQ(Through(Wire("int8"), {127, 16.5f, 17.5f, -2.5f})[2], 18);
  EXPECT_EQ(Through(Wire("int8"), {127, 16.5f, 17.5f, -2.5f})[3], -2);
  const float denormal = std::ldexp(1.0f, -9);
  EXPECT_EQ(Through(Wire("fp8e4m3"), {448, denormal / 2, 1.5f * denormal, 17, 19}),
            (std::vector<float>{448, 0, 2 * denormal, 16, 20}));
  EXPECT_EQ(Through(Wire("mxfp4"), {6, 0.25f, 0.75f, 1.25f, 1.75f, 2.5f, 3.5f, 5}),
            (std::vector<float>{6, 0, 1, 1, 2, 2, 4, 4}));
}

TEST(CodecValuesTest, AGroupOfZerosStaysZero) {
  for (const WireFormat& wire : testing::EveryFormat())
    EXPECT_EQ(Through(wire, std::vector<float>(100, 0.0f)), std::vector<float>(100, 0.0f));
}

TEST(CodecValuesTest, AGroupThatIsNotFiniteArrivesAsNanAndItsNeighboursUnharmed) {
  for (const Reference& reference : References()) {
    const WireFormat wire = Wire(reference.format);
    for (const float bad : {kNan, kInfinity, -kInfinity}) {
      std::vector<float> values(2 * wire.granule(), 1.0f);
      values[wire.granule() + 1] = bad;
      const std::vector<float> got = Through(wire, values);
      for (int64_t i = 0; i < wire.granule(); ++i) EXPECT_FALSE(std::isnan(got[i]));
      for (int64_t i = wire.granule(); i < 2 * wire.granule(); ++i) EXPECT_TRUE(std::isnan(got[i]));
    }
  }
}

// Of gradients as small as these, float16 has no normal quotient by 127. The largest value must not
// be cut off by more than half a step.
TEST(CodecValuesTest, ADenormalScaleIsRoundedUpRatherThanCuttingValuesOff) {
  for (const char* text : {"int8", "int4"}) {
    for (float largest = 1e-7f; largest < 1e-2f; largest *= 1.37f) {
      const std::vector<float> got = Through(Wire(text), {largest, -largest / 3});
      const float step = std::max(largest / (text == std::string("int8") ? 127 : 7), 6e-8f);
      EXPECT_NEAR(got[0], largest, 0.51 * step + 3e-8f) << text;
      EXPECT_NEAR(got[1], -largest / 3, 0.51 * step + 3e-8f) << text;
    }
  }
}

TEST(CodecValuesTest, Fp8KeepsGradientsThatAreTooSmallForFloat16) {
  for (const char* text : {"fp8e4m3", "fp8e5m2"}) {
    for (float largest = 1e-30f; largest < 1; largest *= 10)
      EXPECT_NEAR(Through(Wire(text), {largest})[0] / largest, 1, 0.005) << text;
  }
}

TEST(CodecValuesTest, ValuesBeyondEveryScaleSaturate) {
  EXPECT_EQ(Through(Wire("int8"), {1e30f, -1e30f, 1})[0], 65504.0f * 127);
  EXPECT_EQ(Through(Wire("mxfp4"), {7.9f, -7.9f}), (std::vector<float>{6, -6}));
}

TEST(CodecValuesTest, MxHasPowersOfTwoDownToItsSmallest) {
  const float tiny = std::ldexp(1.0f, -120);
  EXPECT_EQ(Through(Wire("mxfp8"), {tiny, tiny / 2}), (std::vector<float>{tiny, tiny / 2}));
  const float denormal = std::ldexp(1.0f, -140);
  EXPECT_EQ(Through(Wire("mxfp8"), {denormal})[0], 0);  // 2^-127 is the smallest scale
}

// Every half, there and back.
TEST(CodecValuesTest, Fp16KeepsItsOwnValues) {
  for (uint32_t half = 0; half < 1 << 16; ++half) {
    const uint32_t exponent = half >> 10 & 31;
    const double mantissa = half & 1023;
    double value = exponent == 0 ? std::ldexp(mantissa, -24)
                                 : std::ldexp(1024 + mantissa, static_cast<int>(exponent) - 25);
    if (exponent == 31) value = mantissa == 0 ? kInfinity : kNan;
    const auto want = static_cast<float>(half >> 15 ? -value : value);
    const auto code = static_cast<uint16_t>(half);
    std::byte bytes[2];
    std::memcpy(bytes, &code, 2);
    float got = 0;
    Wire("fp16").Decode(bytes, absl::MakeSpan(&got, 1));
    if (std::isnan(want)) {
      EXPECT_TRUE(std::isnan(got));
      continue;
    }
    EXPECT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(want));
    EXPECT_EQ(Through(Wire("fp16"), {want})[0], want);
  }
}

TEST(CodecValuesTest, Fp16RoundsToTheNearestAndHalvesToEven) {
  const float denormal = std::ldexp(1.0f, -24);
  const std::vector<float> given = {1 + 1.0f / 2048, 1 + 3.0f / 2048, 65519, 65520,
                                    denormal / 2,    1.5f * denormal, -2049};
  EXPECT_EQ(Through(Wire("fp16"), given),
            (std::vector<float>{1, 1 + 4.0f / 2048, 65504, kInfinity, 0, 2 * denormal, -2048}));
  EXPECT_TRUE(std::isnan(Through(Wire("fp16"), {kNan})[0]));
  for (uint64_t i = 0; i < 100'000; ++i) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(RandomBits(9, i) >> 32));
    if (std::isnan(value) || std::abs(value) >= 65520) continue;
    const double ulp = std::ldexp(1.0, std::max(std::ilogb(value), -14) - 10);
    EXPECT_EQ(Through(Wire("fp16"), {value})[0], std::nearbyint(value / ulp) * ulp) << value;
  }
}

}  // namespace
}  // namespace edgetp
