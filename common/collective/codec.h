// Wire formats: how float32 elements travel. A format is a name with parameters:
//
//   fp32 bf16 fp16           each element by itself
//   fp8e4m3 fp8e5m2          values of 8 bits; a group shares a scale (bfloat16), 256 by default
//   int8 int4                integers; a group shares a scale (float16), 128 and 64 by default
//   mxfp8 mxfp4              e4m3 and e2m1; 32 values share a power of two (one byte)
//
// and of those with groups: `int8:g32` (another group), `int4+hadamard` (rotated, hadamard.h).
//
// Groups are cut from the beginning of what is encoded; the last one may be short, nothing is
// padded. So they run along C where C is a multiple of the group, and on into the next row where it
// is not. A group with a value that is not finite arrives as NaN: it must not be hidden.
//
// Source of mx: OCP Microscaling Formats 1.0, sections 5.2 and 6.3; of e4m3 and e5m2: OCP FP8 1.0.
// A new format is one row of kRows in codec.cc. Pure, thread-safe.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace edgetp {

class WireFormat {
 public:
  WireFormat() = default;  // fp32

  // Errors: InvalidArgument: name unknown (the closest one and all of them), parameters that the
  //   format does not take or that are out of range.
  static absl::StatusOr<WireFormat> Parse(absl::string_view text);
  // Without parameters.
  static const std::vector<std::string>& Names();

  // As Parse reads it; a default group is left out.
  std::string name() const;
  // Segment.wire_dtype: differs wherever the bytes mean something else.
  uint32_t wire_id() const;

  // The bytes on the wire are the floats' own.
  bool identity() const;
  // Every element by itself. Rounding gives the same value wherever it happens, so that the
  // algorithms that sum in rank order have the same bits as one another (schedule.h).
  bool elementwise() const;
  // More than 8 bits: may be encoded again at every hop.
  bool survives_hops() const { return bits() > 8; }
  int bits() const;  // of a value, without its share of the scale
  bool hadamard() const { return hadamard_; }

  // Elements that cannot be told apart: chunks and segments begin at multiples of it.
  int64_t granule() const { return group_ == 0 ? 1 : group_; }
  int64_t WireBytes(int64_t elements) const;

  // `out`: WireBytes(in.size()) bytes. Rounds to nearest even.
  void Encode(absl::Span<const float> in, std::byte* out) const;
  // `in`: WireBytes(out.size()) bytes, which may be unaligned.
  void Decode(const std::byte* in, absl::Span<float> out) const;
  // out[i] = out[i] + decoded in[i].
  void DecodeAdd(const std::byte* in, absl::Span<float> out) const;
  // values[i] = what a receiver of `values` would decode.
  void Round(absl::Span<float> values) const;

  auto operator<=>(const WireFormat& other) const = default;

 private:
  int row_ = 0;
  int group_ = 0;  // 0: elementwise
  bool hadamard_ = false;
};

}  // namespace edgetp
