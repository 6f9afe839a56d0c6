// How a chunk's wire bytes are cut into segments: the pieces that travel one after another. Shared
// by the executor and the simulator, so that both hand the same pieces to a link. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace edgetp {

// Large enough that per-message work is small beside the copy, small enough that two in flight stay
// in a core's cache.
inline constexpr int64_t kDefaultSegmentBytes = 512 * 1024;

struct SegmentRange {
  int64_t offset_bytes = 0;  // within the chunk
  int64_t size_bytes = 0;
};

// The segments of one chunk: all of the same size but the last, each a whole number of elements.
class Segmentation {
 public:
  // `max_segment_bytes` is rounded down to whole elements, but never below one.
  Segmentation(int64_t chunk_elements, int bytes_per_element, int64_t max_segment_bytes)
      : chunk_bytes_(chunk_elements * bytes_per_element),
        segment_bytes_(std::max<int64_t>(max_segment_bytes / bytes_per_element, 1) *
                       bytes_per_element) {}

  // 0 for an empty chunk, which is not sent at all.
  int64_t count() const { return (chunk_bytes_ + segment_bytes_ - 1) / segment_bytes_; }
  int64_t chunk_bytes() const { return chunk_bytes_; }

  SegmentRange at(int64_t index) const {
    const int64_t offset = index * segment_bytes_;
    return {offset, std::min(segment_bytes_, chunk_bytes_ - offset)};
  }

  std::vector<int64_t> SizesBytes() const {
    std::vector<int64_t> sizes;
    for (int64_t i = 0; i < count(); ++i) sizes.push_back(at(i).size_bytes);
    return sizes;
  }

 private:
  int64_t chunk_bytes_;
  int64_t segment_bytes_;
};

}  // namespace edgetp
