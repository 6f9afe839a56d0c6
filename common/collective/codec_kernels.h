// The loops behind codec.h: each encodes or decodes one group, or, for formats without groups, any
// number of elements. Written so that compilers vectorise them. Pure.
#pragma once

#include <cstddef>

namespace edgetp {

struct CodecKernel {
  void (*encode)(const float* in, size_t count, std::byte* out);
  void (*decode)(const std::byte* in, size_t count, float* out);
  void (*decode_add)(const std::byte* in, size_t count, float* out);
  // In place and without bytes, where that is faster; null: encode and decode.
  void (*round)(float* values, size_t count);
};

// Without groups.
extern const CodecKernel kFp32Kernel;
extern const CodecKernel kBf16Kernel;
extern const CodecKernel kFp16Kernel;

// The scale, then the values; of values of 4 bits, the first half of a group has the lower ones.
//   integers:      scale = largest magnitude / 127 (7), in float16; the next larger one where the
//                  nearest, a denormal, would cut the largest value off
//   fp8:           scale = largest magnitude / 448 (57344), in bfloat16: quotients of gradients by
//                  such numbers are too small for float16
//   mx:            scale = 2^(floor(log2(largest magnitude)) - exponent of the largest value), as a
//                  biased exponent; what is beyond the largest value becomes it
extern const CodecKernel kFp8E4m3Kernel;
extern const CodecKernel kFp8E5m2Kernel;
extern const CodecKernel kInt8Kernel;
extern const CodecKernel kInt4Kernel;
extern const CodecKernel kMxFp8Kernel;
extern const CodecKernel kMxFp4Kernel;

}  // namespace edgetp
