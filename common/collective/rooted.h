// Exchanges with a root, rank 0, that are no all-reduce: the halves of a star, as programs use that
// hold the activations at one rank, and messages between two. In a plan the ranks are those of a group
// (CollectiveStep::group), so any rank can be the root: llama_plan.h has them through rank 0, a
// pipeline sends from stage to stage, which is a broadcast to one. The simulator prices them; workers
// gather weights with one. Chunk c belongs to rank c: of EvenChunks(elements, world size), where
// nothing else is said.
//
// Source: how distributed-llama synchronises (github.com/b4rtaz/distributed-llama, src/tasks.cpp).
#pragma once

#include "common/collective/schedule.h"

namespace edgetp {

// Every rank sends its own chunk to rank 0. 1 dependent step.
Schedule BuildGather(int world_size, int64_t elements, int64_t granule = 1);
// The same with chunks of any sizes, one for each rank.
Schedule BuildGather(std::vector<ChunkRange> chunks);

// Rank 0 sends everything to everybody, in one message each. 1 dependent step.
Schedule BuildBroadcast(int world_size, int64_t elements, int64_t granule = 1);

// Rank 0 sends to each rank all chunks but its own, a message each, one of everybody's after the
// other. 1 dependent step; (P-1)^2 messages.
Schedule BuildBroadcastMissing(int world_size, int64_t elements, int64_t granule = 1);

}  // namespace edgetp
