// Wire dtypes: how float32 elements travel. A new dtype is one row of kCodecs in codec.cc. Pure,
// thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace edgetp {

struct Codec {
  const char* name;
  uint32_t wire_id;  // Segment.wire_dtype
  int bytes_per_element;
  // Encodes `count` floats to `out` (bytes_per_element * count bytes). Round to nearest even.
  void (*encode)(const float* in, std::byte* out, size_t count);
  // out[i] = decoded in[i]. `in` may be unaligned.
  void (*decode)(const std::byte* in, float* out, size_t count);
  // out[i] = out[i] + decoded in[i]. `in` may be unaligned.
  void (*decode_add)(const std::byte* in, float* out, size_t count);
  // values[i] = what a receiver of values[i] would decode.
  void (*round)(float* values, size_t count);
};

const std::vector<Codec>& Codecs();

// Errors: InvalidArgument with the list of names.
absl::StatusOr<const Codec*> FindCodec(const std::string& name);

}  // namespace edgetp
