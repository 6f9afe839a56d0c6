#include "common/collective/direct.h"

namespace edgetp {

Schedule BuildDirect(int world_size, int64_t elements, int64_t granule) {
  Schedule schedule = EmptySchedule("direct", world_size, EvenChunks(elements, 1, granule));
  if (world_size == 1) return schedule;
  for (int rank = 0; rank < world_size; ++rank) {
    std::vector<Action>& actions = schedule.actions[rank];
    // Each rank starts with its right neighbour, so that no receiver is everybody's first.
    for (int k = 1; k < world_size; ++k) {
      actions.push_back({ActionKind::kSend, (rank + k) % world_size, 0});
    }
    for (int source = 0; source < world_size; ++source) {
      if (source == rank) {
        actions.push_back({ActionKind::kReduceLocal, -1, 0});
      } else {
        actions.push_back({ActionKind::kRecvReduce, source, 0});
      }
    }
  }
  return schedule;
}

}  // namespace edgetp
