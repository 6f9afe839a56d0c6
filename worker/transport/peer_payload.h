// Reading a received payload as elements, without a copy: gRPC may have cut it anywhere, even
// inside an element. Used by schedule_executor. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "worker/transport/segment_codec.h"

namespace edgetp {

inline constexpr int kMaxElementBytes = 8;

// Calls apply(bytes, elements) for the whole payload, in order; the bytes may be unaligned.
template <typename Apply>
void ForEachPiece(const ReceivedSegment& segment, int element_bytes, Apply apply) {
  std::array<std::byte, kMaxElementBytes> carry;
  size_t carried = 0;
  for (const grpc::Slice& slice : segment.payload) {
    const std::byte* in = reinterpret_cast<const std::byte*>(slice.begin());
    size_t left = slice.size();
    if (carried > 0) {
      const size_t missing = std::min(element_bytes - carried, left);
      std::memcpy(carry.data() + carried, in, missing);
      carried += missing;
      in += missing;
      left -= missing;
      if (carried < static_cast<size_t>(element_bytes)) continue;
      apply(carry.data(), size_t{1});
      carried = 0;
    }
    const size_t whole = left / element_bytes;
    if (whole > 0) apply(in, whole);
    carried = left - whole * element_bytes;
    std::memcpy(carry.data(), in + whole * element_bytes, carried);
  }
}

}  // namespace edgetp
