#include "common/collective/star.h"

namespace edgetp {

Schedule BuildStar(int world_size, int64_t elements, int64_t granule) {
  Schedule schedule = EmptySchedule("star", world_size, EvenChunks(elements, 1, granule));
  if (world_size == 1) return schedule;
  std::vector<Action>& hub = schedule.actions[0];
  hub.push_back({ActionKind::kReduceLocal, -1, 0});
  for (int rank = 1; rank < world_size; ++rank) {
    hub.push_back({ActionKind::kRecvReduce, rank, 0});
    schedule.actions[rank] = {{ActionKind::kSend, 0, 0}, {ActionKind::kRecvCopy, 0, 0}};
  }
  for (int rank = 1; rank < world_size; ++rank) hub.push_back({ActionKind::kSend, rank, 0});
  return schedule;
}

}  // namespace edgetp
