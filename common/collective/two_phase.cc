#include "common/collective/two_phase.h"

namespace edgetp {
namespace {

// Peers in the order in which a rank sends: its right neighbour first, so that no receiver is
// everybody's first.
int Right(int rank, int k, int world_size) { return (rank + k) % world_size; }

// Whose message a rank gets k-th when all send in that order.
int Left(int rank, int k, int world_size) { return (rank - k + world_size) % world_size; }

void ReduceOwnChunk(int rank, int world_size, std::vector<Action>* actions) {
  for (int source = 0; source < world_size; ++source) {
    if (source == rank) {
      actions->push_back({ActionKind::kReduceLocal, -1, rank});
    } else {
      actions->push_back({ActionKind::kRecvReduce, source, rank});
    }
  }
}

}  // namespace

Schedule BuildTwoPhase(int world_size, int64_t elements, int64_t granule) {
  Schedule schedule =
      EmptySchedule("two_phase", world_size, EvenChunks(elements, world_size, granule));
  if (world_size == 1) return schedule;
  for (int rank = 0; rank < world_size; ++rank) {
    std::vector<Action>& actions = schedule.actions[rank];
    for (int k = 1; k < world_size; ++k) {
      const int owner = Right(rank, k, world_size);
      actions.push_back({ActionKind::kSend, owner, owner});
    }
    ReduceOwnChunk(rank, world_size, &actions);
    for (int k = 1; k < world_size; ++k) {
      actions.push_back({ActionKind::kSend, Right(rank, k, world_size), rank});
    }
    for (int k = 1; k < world_size; ++k) {
      const int owner = Left(rank, k, world_size);
      actions.push_back({ActionKind::kRecvCopy, owner, owner});
    }
  }
  return schedule;
}

}  // namespace edgetp
