#include "common/collective/codec.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace edgetp {
namespace {

// Loads and stores go through memcpy: compilers turn it into one unaligned move and vectorise the
// loops.
template <typename T>
T Load(const std::byte* in) {
  T value;
  std::memcpy(&value, in, sizeof(T));
  return value;
}

void EncodeFp32(const float* in, std::byte* out, size_t count) {
  if (count > 0) std::memcpy(out, in, count * sizeof(float));
}

void DecodeFp32(const std::byte* in, float* out, size_t count) {
  if (count > 0) std::memcpy(out, in, count * sizeof(float));
}

void DecodeAddFp32(const std::byte* in, float* out, size_t count) {
  for (size_t i = 0; i < count; ++i) out[i] += Load<float>(in + i * sizeof(float));
}

void RoundFp32(float*, size_t) {}

// bfloat16 is the upper half of a float32. Rounding adds just under half of the last kept bit; the
// carry may run into the exponent and up to infinity, which is right. A NaN must not: it is cut off
// and made quiet instead.
uint16_t ToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const uint32_t quiet_nan = (bits >> 16) | 0x40u;
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return static_cast<uint16_t>(is_nan ? quiet_nan : rounded);
}

float FromBf16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

void EncodeBf16(const float* in, std::byte* out, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const uint16_t bits = ToBf16(in[i]);
    std::memcpy(out + i * sizeof(bits), &bits, sizeof(bits));
  }
}

void DecodeBf16(const std::byte* in, float* out, size_t count) {
  for (size_t i = 0; i < count; ++i) out[i] = FromBf16(Load<uint16_t>(in + i * sizeof(uint16_t)));
}

void DecodeAddBf16(const std::byte* in, float* out, size_t count) {
  for (size_t i = 0; i < count; ++i) out[i] += FromBf16(Load<uint16_t>(in + i * sizeof(uint16_t)));
}

void RoundBf16(float* values, size_t count) {
  for (size_t i = 0; i < count; ++i) values[i] = FromBf16(ToBf16(values[i]));
}

}  // namespace

const std::vector<Codec>& Codecs() {
  static const auto* const kCodecs = new std::vector<Codec>{
      {"fp32", 0, 4, &EncodeFp32, &DecodeFp32, &DecodeAddFp32, &RoundFp32},
      {"bf16", 1, 2, &EncodeBf16, &DecodeBf16, &DecodeAddBf16, &RoundBf16},
  };
  return *kCodecs;
}

absl::StatusOr<const Codec*> FindCodec(const std::string& name) {
  for (const Codec& codec : Codecs()) {
    if (name == codec.name) return &codec;
  }
  const auto append_name = [](std::string* out, const Codec& row) { out->append(row.name); };
  return absl::InvalidArgumentError(absl::StrCat("wire dtype: unknown name \"", name, "\" (known: ",
                                                 absl::StrJoin(Codecs(), ", ", append_name), ")"));
}

}  // namespace edgetp
