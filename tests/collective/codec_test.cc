#include "common/collective/codec.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "common/base/random.h"

namespace edgetp {
namespace {

const Codec& Get(const std::string& name) { return **FindCodec(name); }

float Through(const Codec& codec, float value) {
  std::byte wire[4];
  codec.encode(&value, wire, 1);
  float out = 0;
  codec.decode(wire, &out, 1);
  return out;
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
    EXPECT_EQ(std::bit_cast<uint32_t>(Through(Get("fp32"), value)), std::bit_cast<uint32_t>(value));
  }
}

TEST(CodecTest, Bf16RoundsToNearest) {
  EXPECT_EQ(Through(Get("bf16"), FromBits(0x3f807fff)), FromBits(0x3f800000));
  EXPECT_EQ(Through(Get("bf16"), FromBits(0x3f808001)), FromBits(0x3f810000));
}

TEST(CodecTest, Bf16RoundsHalvesToEven) {
  EXPECT_EQ(Through(Get("bf16"), FromBits(0x3f808000)), FromBits(0x3f800000));
  EXPECT_EQ(Through(Get("bf16"), FromBits(0x3f818000)), FromBits(0x3f820000));
}

TEST(CodecTest, Bf16ErrorIsAtMostOneIn256) {
  for (const float value : Numbers(1000)) {
    EXPECT_LE(std::abs(Through(Get("bf16"), value) - value), std::abs(value) / 256);
  }
}

TEST(CodecTest, Bf16KeepsNanEvenIfItsUpperHalfLooksInfinite) {
  EXPECT_TRUE(std::isnan(Through(Get("bf16"), FromBits(0x7f800001))));
  EXPECT_TRUE(std::isnan(Through(Get("bf16"), FromBits(0xffffffff))));
}

TEST(CodecTest, Bf16KeepsInfinityAndOverflowsToIt) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Through(Get("bf16"), -infinity), -infinity);
  EXPECT_EQ(Through(Get("bf16"), std::numeric_limits<float>::max()), infinity);
}

TEST(CodecTest, Bf16KeepsSignedZero) { EXPECT_TRUE(std::signbit(Through(Get("bf16"), -0.0f))); }

TEST(CodecTest, ReadsUnalignedInput) {
  const std::vector<float> values = Numbers(37);
  for (const Codec& codec : Codecs()) {
    std::vector<std::byte> wire(1 + values.size() * codec.bytes_per_element);
    codec.encode(values.data(), wire.data() + 1, values.size());
    std::vector<float> decoded(values.size());
    codec.decode(wire.data() + 1, decoded.data(), values.size());
    for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(decoded[i], Through(codec, values[i]));
  }
}

TEST(CodecTest, DecodeAddAddsWhatDecodeGives) {
  const std::vector<float> values = Numbers(37);
  for (const Codec& codec : Codecs()) {
    std::vector<std::byte> wire(values.size() * codec.bytes_per_element);
    codec.encode(values.data(), wire.data(), values.size());
    std::vector<float> sum(values.size(), 0.5f);
    codec.decode_add(wire.data(), sum.data(), values.size());
    for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(sum[i], 0.5f + Through(codec, values[i]));
  }
}

TEST(CodecTest, RoundIsWhatAReceiverDecodes) {
  for (const Codec& codec : Codecs()) {
    std::vector<float> values = Numbers(37);
    codec.round(values.data(), values.size());
    const std::vector<float> original = Numbers(37);
    for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], Through(codec, original[i]));
  }
}

TEST(CodecTest, NothingIsFine) {
  for (const Codec& codec : Codecs()) {
    codec.encode(nullptr, nullptr, 0);
    codec.decode(nullptr, nullptr, 0);
    codec.decode_add(nullptr, nullptr, 0);
    codec.round(nullptr, 0);
  }
}

TEST(CodecTest, WireIdsAreTheirPlaces) {
  for (size_t i = 0; i < Codecs().size(); ++i) EXPECT_EQ(Codecs()[i].wire_id, i);
}

TEST(CodecTest, UnknownNameListsTheKnownOnes) {
  const auto found = FindCodec("fp8");
  EXPECT_EQ(found.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(found.status().message()).find("fp32, bf16"), std::string::npos);
}

}  // namespace
}  // namespace edgetp
