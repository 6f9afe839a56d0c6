#include "common/collective/ring.h"

#include <algorithm>

namespace edgetp {
namespace {

// Every rank's list is in memory on every rank: beyond so many messages, slices get larger.
constexpr int64_t kMaxMessages = 1 << 22;

// One chunk per rank, each in as many slices.
class Ring {
 public:
  Ring(const std::string& name, int world_size, int slices,
       const std::vector<ChunkRange>& rank_chunks, int64_t granule)
      : world_size_(world_size), slices_(slices) {
    std::vector<ChunkRange> chunks;
    for (const ChunkRange& whole : rank_chunks) {
      for (const ChunkRange& slice : EvenChunks(whole.size(), slices, granule))
        chunks.push_back({whole.begin + slice.begin, whole.begin + slice.end});
    }
    schedule_ = EmptySchedule(name, world_size, std::move(chunks));
  }

  Schedule Build() {
    for (int rank = 0; rank < world_size_ && world_size_ > 1; ++rank) Fill(rank);
    return std::move(schedule_);
  }

 private:
  // The sum of chunk c starts at rank c and is complete on rank c - 1, after P - 1 steps; as many
  // more hand it out. What a rank has received in one step it passes on in the next.
  void Fill(int rank) {
    std::vector<Action>& actions = schedule_.actions[rank];
    const int right = (rank + 1) % world_size_;
    const int left = (rank - 1 + world_size_) % world_size_;
    const int steps = 2 * (world_size_ - 1);
    actions.reserve(static_cast<size_t>(slices_) * (5 * (world_size_ - 1)));
    for (int slice = 0; slice < slices_; ++slice)
      actions.push_back({ActionKind::kSend, right, ChunkOf(rank, slice)});
    for (int step = 1; step <= steps; ++step) {
      for (int slice = 0; slice < slices_; ++slice) {
        const int chunk = ChunkOf(rank - step, slice);
        if (step < world_size_) {
          actions.push_back({ActionKind::kRecvReduce, left, chunk});
          actions.push_back({ActionKind::kReduceLocal, -1, chunk});
        } else {
          actions.push_back({ActionKind::kRecvCopy, left, chunk});
        }
        if (step < steps) actions.push_back({ActionKind::kSend, right, chunk});
      }
    }
  }

  int ChunkOf(int index, int slice) const {
    return (index + 2 * world_size_) % world_size_ * slices_ + slice;
  }

  const int world_size_;
  const int slices_;
  Schedule schedule_;
};

}  // namespace

Schedule BuildRing(int world_size, int64_t elements, int64_t granule) {
  return Ring("ring", world_size, 1, EvenChunks(elements, world_size, granule), granule).Build();
}

Schedule BuildRingSliced(int world_size, int64_t elements, int64_t granule,
                         int64_t slice_elements) {
  const std::vector<ChunkRange> chunks = EvenChunks(elements, world_size, granule);
  const int64_t slice = std::max<int64_t>(slice_elements / granule, 1) * granule;
  const int64_t wanted = (chunks.front().size() + slice - 1) / slice;
  const int64_t most = kMaxMessages / std::max<int64_t>(1, 2LL * (world_size - 1) * world_size);
  const int64_t slices = std::clamp<int64_t>(wanted, 1, std::max<int64_t>(most, 1));
  return Ring("ring_sliced", world_size, static_cast<int>(slices), chunks, granule).Build();
}

}  // namespace edgetp
