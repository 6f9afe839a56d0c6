#include "common/collective/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <set>

#include "common/base/random.h"
#include "tests/collective/wire.h"

namespace edgetp {
namespace {

using testing::EveryFormat;
using ::testing::HasSubstr;
using testing::Wire;

std::vector<float> Through(const WireFormat& wire, const std::vector<float>& values) {
  std::vector<std::byte> bytes(wire.WireBytes(static_cast<int64_t>(values.size())));
  wire.Encode(values, bytes.data());
  std::vector<float> out(values.size());
  wire.Decode(bytes.data(), absl::MakeSpan(out));
  return out;
}

float Through(const WireFormat& wire, float value) {
  return Through(wire, std::vector<float>{value})[0];
}

float FromBits(uint32_t bits) { return std::bit_cast<float>(bits); }

std::vector<float> Numbers(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(ToUnit(RandomBits(3, i)) * 8 - 4);
  return values;
}

TEST(CodecTest, Fp32KeepsEveryBit) {
  for (const float value : Numbers(100)) {
    EXPECT_EQ(std::bit_cast<uint32_t>(Through(Wire("fp32"), value)),
              std::bit_cast<uint32_t>(value));
  }
}

TEST(CodecTest, Bf16RoundsToNearest) {
  EXPECT_EQ(Through(Wire("bf16"), FromBits(0x3f807fff)), FromBits(0x3f800000));
  EXPECT_EQ(Through(Wire("bf16"), FromBits(0x3f808001)), FromBits(0x3f810000));
}

TEST(CodecTest, Bf16RoundsHalvesToEven) {
  EXPECT_EQ(Through(Wire("bf16"), FromBits(0x3f808000)), FromBits(0x3f800000));
  EXPECT_EQ(Through(Wire("bf16"), FromBits(0x3f818000)), FromBits(0x3f820000));
}

TEST(CodecTest, Bf16ErrorIsAtMostOneIn256) {
  for (const float value : Numbers(1000)) {
    EXPECT_LE(std::abs(Through(Wire("bf16"), value) - value), std::abs(value) / 256);
  }
}

TEST(CodecTest, Bf16KeepsNanEvenIfItsUpperHalfLooksInfinite) {
  EXPECT_TRUE(std::isnan(Through(Wire("bf16"), FromBits(0x7f800001))));
  EXPECT_TRUE(std::isnan(Through(Wire("bf16"), FromBits(0xffffffff))));
}

TEST(CodecTest, Bf16KeepsInfinityAndOverflowsToIt) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Through(Wire("bf16"), -infinity), -infinity);
  EXPECT_EQ(Through(Wire("bf16"), std::numeric_limits<float>::max()), infinity);
}

TEST(CodecTest, Bf16KeepsSignedZero) { EXPECT_TRUE(std::signbit(Through(Wire("bf16"), -0.0f))); }

TEST(CodecTest, ReadsUnalignedInput) {
  const std::vector<float> values = Numbers(637);
  for (const WireFormat& wire : EveryFormat()) {
    std::vector<std::byte> bytes(1 + wire.WireBytes(637));
    wire.Encode(values, bytes.data() + 1);
    std::vector<float> decoded(values.size());
    wire.Decode(bytes.data() + 1, absl::MakeSpan(decoded));
    EXPECT_EQ(decoded, Through(wire, values)) << wire.name();
  }
}

TEST(CodecTest, DecodeAddAddsWhatDecodeGives) {
  const std::vector<float> values = Numbers(637);
  for (const WireFormat& wire : EveryFormat()) {
    std::vector<std::byte> bytes(wire.WireBytes(637));
    wire.Encode(values, bytes.data());
    std::vector<float> sum(values.size(), 0.5f);
    wire.DecodeAdd(bytes.data(), absl::MakeSpan(sum));
    const std::vector<float> decoded = Through(wire, values);
    for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(sum[i], 0.5f + decoded[i]);
  }
}

TEST(CodecTest, RoundIsWhatAReceiverDecodes) {
  for (const WireFormat& wire : EveryFormat()) {
    for (const size_t count : {1, 37, 10'000}) {
      std::vector<float> values = Numbers(count);
      wire.Round(absl::MakeSpan(values));
      EXPECT_EQ(values, Through(wire, Numbers(count))) << wire.name();
    }
  }
}

TEST(CodecTest, NothingIsFine) {
  for (const WireFormat& wire : EveryFormat()) {
    EXPECT_EQ(wire.WireBytes(0), 0);
    wire.Encode({}, nullptr);
    wire.Decode(nullptr, {});
    wire.DecodeAdd(nullptr, {});
    wire.Round({});
  }
}

// A group by itself or among others: the same bytes, so that a message can be cut between groups.
TEST(CodecTest, AGroupDoesNotKnowItsNeighbours) {
  for (const WireFormat& wire : EveryFormat()) {
    const auto granule = static_cast<size_t>(wire.granule());
    const std::vector<float> values = Numbers(3 * granule + granule / 2);
    const std::vector<float> whole = Through(wire, values);
    for (size_t begin = 0; begin < values.size(); begin += granule) {
      const size_t end = std::min(begin + granule, values.size());
      const std::vector<float> some(values.begin() + begin, values.begin() + end);
      EXPECT_EQ(Through(wire, some),
                std::vector<float>(whole.begin() + begin, whole.begin() + end));
    }
  }
}

TEST(WireBytesTest, AreExact) {
  const struct {
    const char* format;
    int64_t elements;
    int64_t bytes;
  } kCases[] = {
      {"fp32", 7, 28},      {"bf16", 7, 14},           {"fp16", 7, 14},
      {"int8:g32", 32, 34}, {"int8:g32", 320, 340},    {"int8:g32", 33, 34 + 3},
      {"int8", 128, 130},   {"int8", 129, 133},        {"int4", 64, 34},
      {"int4", 65, 34 + 3}, {"int4:g3", 7, 4 + 4 + 3}, {"fp8e4m3", 256, 258},
      {"fp8e5m2", 1, 3},    {"mxfp8", 32, 33},         {"mxfp8", 33, 35},
      {"mxfp4", 32, 17},    {"mxfp4", 35, 17 + 3},     {"int4+hadamard", 64, 34},
  };
  for (const auto& row : kCases)
    EXPECT_EQ(Wire(row.format).WireBytes(row.elements), row.bytes) << row.format;
}

TEST(WireFormatTest, NamesAreReadBack) {
  for (const char* text : {"fp32", "bf16", "fp16", "fp8e4m3", "fp8e5m2:g64", "int8:g32",
                           "int4+hadamard", "int4:g32+hadamard", "mxfp8", "mxfp4+hadamard"}) {
    EXPECT_EQ(Wire(text).name(), text);
    EXPECT_EQ(Wire(Wire(text).name()), Wire(text));
  }
  EXPECT_EQ(Wire("int8:g128"), Wire("int8"));
  EXPECT_EQ(WireFormat(), Wire("fp32"));
}

TEST(WireFormatTest, WireIdsDifferWhereTheBytesDo) {
  std::set<uint32_t> ids;
  const std::vector<WireFormat> formats = EveryFormat();
  for (const WireFormat& wire : formats) ids.insert(wire.wire_id());
  ids.insert(Wire("int8+hadamard").wire_id());
  EXPECT_EQ(ids.size(), formats.size() + 1);
  EXPECT_EQ(Wire("fp32").wire_id(), 0u);
  EXPECT_EQ(Wire("bf16").wire_id(), 1u);
}

TEST(WireFormatTest, WhatIsNoFormatIsInvalidAndSaysWhy) {
  const auto error = [](const char* text) {
    const auto format = WireFormat::Parse(text);
    EXPECT_EQ(format.status().code(), absl::StatusCode::kInvalidArgument) << text;
    return std::string(format.status().message());
  };
  EXPECT_EQ(error("fp8"),
            "wire format: unknown name \"fp8\"; known: fp32, bf16, fp16, fp8e4m3, fp8e5m2, int8, "
            "int4, mxfp8, mxfp4");
  EXPECT_THAT(error("int9"), HasSubstr("\"int9\"; did you mean \"int8\"? known: fp32"));
  EXPECT_THAT(error(""), HasSubstr("unknown name \"\""));
  EXPECT_EQ(error("bf16:g32"), "wire format \"bf16:g32\": bf16 has no groups");
  EXPECT_EQ(error("mxfp4:g64"), "wire format \"mxfp4:g64\": the group of mxfp4 is always 32");
  EXPECT_EQ(error("int8:32"), "wire format \"int8:32\": a group is written as in int8:g128");
  EXPECT_THAT(error("int8:"), HasSubstr("a group is written as in int8:g128"));
  EXPECT_THAT(error("int8:g"), HasSubstr("a group is written as in int8:g128"));
  EXPECT_EQ(error("int8:g1"), "wire format \"int8:g1\": a group must be in [2, 4096] (got 1)");
  EXPECT_THAT(error("int8:g4097"), HasSubstr("(got 4097)"));
  EXPECT_THAT(error("int8:g-8"), HasSubstr("(got -8)"));
  EXPECT_EQ(
      error("int4:g48+hadamard"),
      "wire format \"int4:g48+hadamard\": +hadamard needs a group that is a power of two (got "
      "48)");
  EXPECT_EQ(error("fp16+hadamard"), "wire format \"fp16+hadamard\": fp16 has no groups to rotate");
  EXPECT_EQ(error("int4+rotate"),
            "wire format \"int4+rotate\": unknown suffix \"+rotate\"; known: +hadamard");
  EXPECT_THAT(error("int4+"), HasSubstr("unknown suffix \"+\""));
}

}  // namespace
}  // namespace edgetp
