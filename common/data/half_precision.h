// Between float32 and the two formats of 16 bits that files have. Pure.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace edgetp {

inline float FromBfloat16(const char* in) {
  uint16_t bits;
  std::memcpy(&bits, in, sizeof(bits));
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

// IEEE binary16: the exponent is rebiased by multiplication, which also gives subnormals their
// value.
inline float FromFloat16(const char* in) {
  uint16_t bits;
  std::memcpy(&bits, in, sizeof(bits));
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const bool special = (bits & 0x7C00) == 0x7C00;  // infinity or NaN
  const uint32_t shifted = uint32_t{bits & 0x7FFFu} << 13;
  const uint32_t magnitude =
      special ? (shifted | 0x7F800000u)
              : std::bit_cast<uint32_t>(std::bit_cast<float>(shifted) * 0x1p112f);
  return std::bit_cast<float>(magnitude | sign);
}

// To the nearest, ties to even; what is no number stays none.
inline uint16_t ToBfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>((bits >> 16) | 0x0040u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1)) >> 16);
}

// IEEE binary16, to the nearest, ties to even. The addition of a power of two rounds subnormals
// where their last bit is.
inline uint16_t ToFloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return sign | 0x7E00u;
  if (magnitude >= 0x477FF000u) return sign | 0x7C00u;  // rounds to 65520 or more: infinity
  if (magnitude < 0x38800000u) {                        // below 2^-14
    const float rounded = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(rounded) - 0x3F000000u));
  }
  const uint32_t rebiased = magnitude - 0x38000000u;
  return static_cast<uint16_t>(sign | ((rebiased + 0x0FFFu + ((rebiased >> 13) & 1)) >> 13));
}

}  // namespace edgetp
