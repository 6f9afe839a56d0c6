// Reading a received payload as granules of a wire format, without a copy: gRPC may have cut it
// anywhere, even inside one. Used by schedule_executor. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "worker/transport/segment_codec.h"

namespace edgetp {

// Calls apply(bytes, granules) for the whole payload, in order; the bytes may be unaligned. The
// last granule may be short: it counts as one.
template <typename Apply>
void ForEachPiece(const ReceivedSegment& segment, size_t granule_bytes, Apply apply) {
  std::vector<std::byte> carry;  // the beginning of a granule that goes on in the next slice
  size_t carried = 0;
  for (const grpc::Slice& slice : segment.payload) {
    const std::byte* in = reinterpret_cast<const std::byte*>(slice.begin());
    size_t left = slice.size();
    if (carried > 0) {
      const size_t missing = std::min(granule_bytes - carried, left);
      std::memcpy(carry.data() + carried, in, missing);
      carried += missing;
      in += missing;
      left -= missing;
      if (carried < granule_bytes) continue;
      apply(carry.data(), size_t{1});
      carried = 0;
    }
    const size_t whole = left / granule_bytes;
    if (whole > 0) apply(in, whole);
    carried = left - whole * granule_bytes;
    if (carried == 0) continue;
    carry.resize(granule_bytes);
    std::memcpy(carry.data(), in + whole * granule_bytes, carried);
  }
  if (carried > 0) apply(carry.data(), size_t{1});
}

}  // namespace edgetp
