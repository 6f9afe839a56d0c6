#include "common/collective/ring.h"

namespace edgetp {

Schedule BuildRing(int world_size, int64_t elements, int64_t granule) {
  Schedule schedule = EmptySchedule("ring", world_size, EvenChunks(elements, world_size, granule));
  const auto chunk = [world_size](int index) { return (index + 2 * world_size) % world_size; };
  for (int rank = 0; rank < world_size && world_size > 1; ++rank) {
    std::vector<Action>& actions = schedule.actions[rank];
    const int right = (rank + 1) % world_size;
    const int left = (rank - 1 + world_size) % world_size;
    // Reduce-scatter: the sum of chunk c starts at rank c and is complete on rank c - 1.
    for (int k = 0; k < world_size - 1; ++k) {
      actions.push_back({ActionKind::kSend, right, chunk(rank - k)});
      actions.push_back({ActionKind::kRecvReduce, left, chunk(rank - k - 1)});
      actions.push_back({ActionKind::kReduceLocal, -1, chunk(rank - k - 1)});
    }
    // All-gather: each rank passes on what it completed or got last.
    for (int k = 0; k < world_size - 1; ++k) {
      actions.push_back({ActionKind::kSend, right, chunk(rank + 1 - k)});
      actions.push_back({ActionKind::kRecvCopy, left, chunk(rank - k)});
    }
  }
  return schedule;
}

}  // namespace edgetp
