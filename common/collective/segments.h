// How a chunk's wire bytes are cut into segments: the pieces that travel one after another. Shared
// by the executor and the simulator, so that both hand the same pieces to a link. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/collective/codec.h"

namespace edgetp {

// Large enough that per-message work is small beside the copy, small enough that two in flight stay
// in a core's cache.
inline constexpr int64_t kDefaultSegmentBytes = 512 * 1024;

// Largest payload that is ever sent or accepted: it bounds what a peer can make a rank allocate.
// With its header, it stays within gRPC's default message limit of 4 MiB.
inline constexpr int64_t kMaxSegmentBytes = (4 << 20) - 4096;

// Of a chunk that is passed on slice by slice: what NCCL's simple protocol takes at a time.
inline constexpr int64_t kDefaultSliceBytes = 1 << 20;
inline constexpr int64_t kMinSliceBytes = 1 << 10;
inline constexpr int64_t kMaxSliceBytes = 1 << 30;

// How many elements a slice of at most so many bytes on the wire has: whole granules, at least one.
inline int64_t SliceElements(const WireFormat& format, int64_t slice_bytes) {
  const int64_t granules = slice_bytes / format.WireBytes(format.granule());
  return std::max<int64_t>(granules, 1) * format.granule();
}

struct SegmentRange {
  int64_t offset_bytes = 0;  // within the chunk
  int64_t size_bytes = 0;
  int64_t begin = 0;  // the same in elements
  int64_t elements = 0;
};

// The segments of one chunk: all of the same size but the last, each of whole granules of the wire
// format (codec.h), but for the end of the chunk.
class Segmentation {
 public:
  // `max_segment_bytes` is rounded down to whole granules, but never below one.
  Segmentation(const WireFormat& format, int64_t chunk_elements, int64_t max_segment_bytes)
      : chunk_elements_(chunk_elements), chunk_bytes_(format.WireBytes(chunk_elements)) {
    const int64_t granule_bytes = format.WireBytes(format.granule());
    const int64_t granules = std::max<int64_t>(max_segment_bytes / granule_bytes, 1);
    segment_elements_ = granules * format.granule();
    segment_bytes_ = granules * granule_bytes;
  }

  // 0 for an empty chunk, which is not sent at all.
  int64_t count() const { return (chunk_bytes_ + segment_bytes_ - 1) / segment_bytes_; }
  int64_t chunk_elements() const { return chunk_elements_; }
  int64_t chunk_bytes() const { return chunk_bytes_; }

  SegmentRange at(int64_t index) const {
    const int64_t offset = index * segment_bytes_;
    const int64_t begin = index * segment_elements_;
    return {offset, std::min(segment_bytes_, chunk_bytes_ - offset), begin,
            std::min(segment_elements_, chunk_elements_ - begin)};
  }

  std::vector<int64_t> SizesBytes() const {
    std::vector<int64_t> sizes;
    for (int64_t i = 0; i < count(); ++i) sizes.push_back(at(i).size_bytes);
    return sizes;
  }

 private:
  int64_t chunk_elements_;
  int64_t chunk_bytes_;
  int64_t segment_elements_;
  int64_t segment_bytes_;
};

}  // namespace edgetp
