#include "common/collective/codec_kernels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

namespace edgetp {
namespace {

constexpr uint32_t kMagnitude = 0x7fffffffu;
constexpr uint32_t kInfinity = 0x7f800000u;

// Loads and stores go through memcpy: compilers turn it into one unaligned move and vectorise the
// loops.
template <typename T>
T Load(const std::byte* in) {
  T value;
  std::memcpy(&value, in, sizeof(T));
  return value;
}

template <typename T>
void Store(T value, std::byte* out) {
  std::memcpy(out, &value, sizeof(T));
}

uint32_t BitsOf(float value) { return std::bit_cast<uint32_t>(value); }
constexpr float FloatOf(uint32_t bits) { return std::bit_cast<float>(bits); }

// bfloat16 is the upper half of a float32. Rounding adds just under half of the last kept bit; the
// carry may run into the exponent and up to infinity, which is right. A NaN must not: it is cut off
// and made quiet instead.
struct Bf16 {
  static uint16_t From(float value) {
    const uint32_t bits = BitsOf(value);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const uint32_t quiet_nan = (bits >> 16) | 0x40u;
    const bool is_nan = (bits & kMagnitude) > kInfinity;
    return static_cast<uint16_t>(is_nan ? quiet_nan : rounded);
  }
  static float To(uint16_t bits) { return FloatOf(static_cast<uint32_t>(bits) << 16); }
};

// IEEE binary16. The float32 adder rounds: next to a number 2^13 times as large as the value's own
// power of two (or as the smallest normal one), its last bit is the half's.
struct Fp16 {
  static uint16_t From(float value) {
    constexpr uint32_t kSmallestNormal = 113u << 23;  // 2^-14
    constexpr uint32_t kOverflow = 0x477ff000u;       // 65520, halfway beyond the largest
    const uint32_t bits = BitsOf(value);
    const uint32_t magnitude = bits & kMagnitude;
    const uint32_t power = std::max(magnitude & kInfinity, kSmallestNormal);
    const uint32_t shift = power + (13u << 23);
    // Beyond 65520 the sum may be anything: it is not taken.
    const uint32_t sum = BitsOf(FloatOf(magnitude) + FloatOf(std::min(shift, kInfinity - 1)));
    const uint32_t steps = sum - shift;  // of the half's last bit: 0..2048
    const uint32_t half = ((power - kSmallestNormal) >> 13) + steps;
    const uint32_t beyond = magnitude > kInfinity ? 0x7e00u : 0x7c00u;
    return static_cast<uint16_t>(((bits >> 16) & 0x8000u) |
                                 (magnitude >= kOverflow ? beyond : half));
  }
  static float To(uint16_t half) {
    const uint32_t magnitude = half & 0x7fffu;
    const float normal = FloatOf((magnitude << 13) + (112u << 23));
    const float denormal = FloatOf(magnitude + (126u << 23)) - 0.5f;  // steps of 2^-24
    const uint32_t special = kInfinity | (magnitude << 13);
    const uint32_t finite = magnitude < 0x400u ? BitsOf(denormal) : BitsOf(normal);
    const uint32_t bits = magnitude >= 0x7c00u ? special : finite;
    return FloatOf(bits | (static_cast<uint32_t>(half & 0x8000u) << 16));
  }
};

template <typename Half>
struct Halves {
  static void Encode(const float* __restrict in, size_t count, std::byte* __restrict out) {
    for (size_t i = 0; i < count; ++i) Store(Half::From(in[i]), out + 2 * i);
  }
  static void Decode(const std::byte* __restrict in, size_t count, float* __restrict out) {
    for (size_t i = 0; i < count; ++i) out[i] = Half::To(Load<uint16_t>(in + 2 * i));
  }
  static void DecodeAdd(const std::byte* __restrict in, size_t count, float* __restrict out) {
    for (size_t i = 0; i < count; ++i) out[i] += Half::To(Load<uint16_t>(in + 2 * i));
  }
  static void Round(float* values, size_t count) {
    for (size_t i = 0; i < count; ++i) values[i] = Half::To(Half::From(values[i]));
  }
};

struct Floats {
  static void Encode(const float* __restrict in, size_t count, std::byte* __restrict out) {
    if (count > 0) std::memcpy(out, in, count * sizeof(float));
  }
  static void Decode(const std::byte* __restrict in, size_t count, float* __restrict out) {
    if (count > 0) std::memcpy(out, in, count * sizeof(float));
  }
  static void DecodeAdd(const std::byte* __restrict in, size_t count, float* __restrict out) {
    for (size_t i = 0; i < count; ++i) out[i] += Load<float>(in + i * sizeof(float));
  }
};

// Values of few bits. Code: the bits of what is nearest to `value`, which lies within the limits.

template <int Bits>
struct Integer {
  static constexpr int kBits = Bits;
  static constexpr float kLimit = (1 << (Bits - 1)) - 1;
  static uint32_t Code(float value) {
    constexpr float kUnit = 12582912.0f;  // 1.5 * 2^23: the sum's last bit is 1
    return BitsOf(value + kUnit) & ((1u << Bits) - 1);
  }
  static float Value(uint32_t code) {
    constexpr int kSign = 1 << (Bits - 1);
    return static_cast<float>((static_cast<int>(code) ^ kSign) - kSign);
  }
};

// Sign, Exponent bits, Mantissa bits.
template <int Exponent, int Mantissa, int Bias, int Limit>
struct Minifloat {
  static constexpr int kBits = 1 + Exponent + Mantissa;
  static constexpr float kLimit = Limit;

  static uint32_t Code(float value) {
    constexpr int kDropped = 23 - Mantissa;
    constexpr uint32_t kSmallestNormal = (127u + 1 - Bias) << 23;
    // Next to it, the last bit is worth the smallest denormal.
    constexpr uint32_t kDenormals = (127u + 24 - Bias - Mantissa) << 23;
    const uint32_t bits = BitsOf(value);
    const uint32_t magnitude = bits & kMagnitude;
    const uint32_t rounded = magnitude + (1u << (kDropped - 1)) - 1 + ((magnitude >> kDropped) & 1);
    const uint32_t normal = (rounded >> kDropped) - ((127u - Bias) << Mantissa);
    const uint32_t denormal = BitsOf(FloatOf(magnitude) + FloatOf(kDenormals)) - kDenormals;
    return (magnitude < kSmallestNormal ? denormal : normal) | ((bits >> 31) << (kBits - 1));
  }

  static constexpr float ValueOf(uint32_t code) {
    const uint32_t sign = (code >> (kBits - 1)) << 31;
    const uint32_t magnitude = code & ((1u << (kBits - 1)) - 1);
    const uint32_t exponent = magnitude >> Mantissa;
    const uint32_t mantissa = magnitude & ((1u << Mantissa) - 1);
    const float denormal =
        static_cast<float>(mantissa) * FloatOf((127u + 1 - Bias - Mantissa) << 23);
    const uint32_t normal = ((exponent + 127 - Bias) << 23) | (mantissa << (23 - Mantissa));
    return FloatOf(sign | (exponent == 0 ? std::bit_cast<uint32_t>(denormal) : normal));
  }

  static float Value(uint32_t code) { return kValues[code]; }

  static constexpr std::array<float, 1 << kBits> kValues = [] {
    std::array<float, 1 << kBits> values{};
    for (uint32_t code = 0; code < values.size(); ++code) {
      values[code] = ValueOf(code);
      // Never encoded: beyond the largest value are a NaN (e4m3), infinities and NaNs (e5m2).
      if (values[code] > kLimit || values[code] < -kLimit) values[code] = FloatOf(0x7fc00000u);
    }
    return values;
  }();
};

using E4m3 = Minifloat<4, 3, 7, 448>;
using E5m2 = Minifloat<5, 2, 15, 57344>;
using E2m1 = Minifloat<2, 1, 1, 6>;

// Scales. Put: writes that of a group whose largest magnitude has these bits, and returns it; NaN
// where the magnitude is not finite.

template <typename Values>
struct Fp16Scale {
  static constexpr size_t kBytes = 2;
  static float Put(uint32_t largest, std::byte* out) {
    constexpr uint16_t kLargest = 0x7bff;
    uint16_t scale = 0x7e00;
    if (largest < kInfinity) {
      scale = std::min(Fp16::From(FloatOf(largest) / Values::kLimit), kLargest);
      const bool cuts_off = Fp16::To(scale) * (Values::kLimit + 0.5f) < FloatOf(largest);
      if (cuts_off && scale < kLargest) ++scale;
    }
    Store(scale, out);
    return Fp16::To(scale);
  }
  static float Get(const std::byte* in) { return Fp16::To(Load<uint16_t>(in)); }
};

template <typename Values>
struct Bf16Scale {
  static constexpr size_t kBytes = 2;
  static float Put(uint32_t largest, std::byte* out) {
    const uint16_t scale =
        largest < kInfinity ? Bf16::From(FloatOf(largest) / Values::kLimit) : uint16_t{0x7fc0};
    Store(scale, out);
    return Bf16::To(scale);
  }
  static float Get(const std::byte* in) { return Bf16::To(Load<uint16_t>(in)); }
};

template <typename Values>
struct PowerOfTwoScale {
  static constexpr size_t kBytes = 1;
  static float Put(uint32_t largest, std::byte* out) {
    constexpr auto kLargestExponent =
        static_cast<int>(std::bit_cast<uint32_t>(Values::kLimit) >> 23) - 127;
    const int exponent = std::max(static_cast<int>(largest >> 23) - kLargestExponent, 0);
    Store(static_cast<uint8_t>(largest < kInfinity ? exponent : 255), out);
    return Get(out);
  }
  static float Get(const std::byte* in) {
    const uint32_t exponent = Load<uint8_t>(in);
    if (exponent == 255) return FloatOf(0x7fc00000u);
    return FloatOf(exponent == 0 ? 1u << 22 : exponent << 23);  // 2^-127 is denormal
  }
};

// Integers, because compilers do not change the order of float comparisons.
uint32_t LargestMagnitude(const float* in, size_t count) {
  int32_t largest = 0;
  for (size_t i = 0; i < count; ++i)
    largest = std::max(largest, static_cast<int32_t>(BitsOf(in[i]) & kMagnitude));
  return static_cast<uint32_t>(largest);
}

template <typename Values, template <typename> typename ScaleOf>
struct Grouped {
  using Scale = ScaleOf<Values>;
  static constexpr bool kPacked = Values::kBits == 4;
  static constexpr float kLimit = Values::kLimit;

  static uint32_t Code(float value, float scale) {
    const float scaled = value / scale;
    const float above = scaled < -kLimit ? -kLimit : scaled;
    return Values::Code(above > kLimit ? kLimit : above);
  }

  static void Encode(const float* __restrict in, size_t count, std::byte* __restrict out) {
    const float scale = Scale::Put(LargestMagnitude(in, count), out);
    auto* const codes = reinterpret_cast<uint8_t*>(out + Scale::kBytes);
    const size_t bytes = kPacked ? (count + 1) / 2 : count;
    if (!(scale > 0)) {  // nothing but zeros, or NaN
      std::fill_n(codes, bytes, uint8_t{0});
    } else if constexpr (kPacked) {
      for (size_t i = 0; i < count / 2; ++i)
        codes[i] = static_cast<uint8_t>(Code(in[i], scale) | Code(in[bytes + i], scale) << 4);
      if (count % 2 == 1) codes[bytes - 1] = static_cast<uint8_t>(Code(in[bytes - 1], scale));
    } else {
      for (size_t i = 0; i < count; ++i) codes[i] = static_cast<uint8_t>(Code(in[i], scale));
    }
  }

  template <typename Put>
  static void ForEachValue(const std::byte* in, size_t count, const Put& put) {
    const float scale = Scale::Get(in);
    const auto* const codes = reinterpret_cast<const uint8_t*>(in + Scale::kBytes);
    if constexpr (kPacked) {
      const size_t bytes = (count + 1) / 2;
      for (size_t i = 0; i < bytes; ++i) put(i, scale * Values::Value(codes[i] & 15u));
      for (size_t i = bytes; i < count; ++i)
        put(i, scale * Values::Value(static_cast<uint32_t>(codes[i - bytes]) >> 4));
    } else {
      for (size_t i = 0; i < count; ++i) put(i, scale * Values::Value(codes[i]));
    }
  }

  static void Decode(const std::byte* __restrict in, size_t count, float* __restrict out) {
    ForEachValue(in, count, [out](size_t i, float value) { out[i] = value; });
  }
  static void DecodeAdd(const std::byte* __restrict in, size_t count, float* __restrict out) {
    ForEachValue(in, count, [out](size_t i, float value) { out[i] += value; });
  }
};

template <typename Loops>
constexpr CodecKernel Kernel(void (*round)(float*, size_t) = nullptr) {
  return {&Loops::Encode, &Loops::Decode, &Loops::DecodeAdd, round};
}

}  // namespace

const CodecKernel kFp32Kernel = Kernel<Floats>(nullptr);
const CodecKernel kBf16Kernel = Kernel<Halves<Bf16>>(&Halves<Bf16>::Round);
const CodecKernel kFp16Kernel = Kernel<Halves<Fp16>>(&Halves<Fp16>::Round);
const CodecKernel kFp8E4m3Kernel = Kernel<Grouped<E4m3, Bf16Scale>>();
const CodecKernel kFp8E5m2Kernel = Kernel<Grouped<E5m2, Bf16Scale>>();
const CodecKernel kInt8Kernel = Kernel<Grouped<Integer<8>, Fp16Scale>>();
const CodecKernel kInt4Kernel = Kernel<Grouped<Integer<4>, Fp16Scale>>();
const CodecKernel kMxFp8Kernel = Kernel<Grouped<E4m3, PowerOfTwoScale>>();
const CodecKernel kMxFp4Kernel = Kernel<Grouped<E2m1, PowerOfTwoScale>>();

}  // namespace edgetp
