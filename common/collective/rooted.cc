#include "common/collective/rooted.h"

#include <utility>
#include <vector>

namespace edgetp {

Schedule BuildGather(int world_size, int64_t elements, int64_t granule) {
  return BuildGather(EvenChunks(elements, world_size, granule));
}

Schedule BuildGather(std::vector<ChunkRange> chunks) {
  const int world_size = static_cast<int>(chunks.size());
  Schedule schedule = EmptySchedule("gather", world_size, std::move(chunks));
  for (int rank = 1; rank < world_size; ++rank) {
    schedule.actions[rank].push_back({ActionKind::kSend, 0, rank});
    schedule.actions[0].push_back({ActionKind::kRecvCopy, rank, rank});
  }
  return schedule;
}

Schedule BuildBroadcast(int world_size, int64_t elements, int64_t granule) {
  Schedule schedule = EmptySchedule("broadcast", world_size, EvenChunks(elements, 1, granule));
  for (int rank = 1; rank < world_size; ++rank) {
    schedule.actions[0].push_back({ActionKind::kSend, rank, 0});
    schedule.actions[rank].push_back({ActionKind::kRecvCopy, 0, 0});
  }
  return schedule;
}

Schedule BuildBroadcastMissing(int world_size, int64_t elements, int64_t granule) {
  Schedule schedule =
      EmptySchedule("broadcast_missing", world_size, EvenChunks(elements, world_size, granule));
  for (int round = 0; round + 1 < world_size; ++round) {
    for (int rank = 1; rank < world_size; ++rank) {
      const int chunk = round < rank ? round : round + 1;
      schedule.actions[0].push_back({ActionKind::kSend, rank, chunk});
      schedule.actions[rank].push_back({ActionKind::kRecvCopy, 0, chunk});
    }
  }
  return schedule;
}

}  // namespace edgetp
