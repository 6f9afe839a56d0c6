#include "common/collective/rooted.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

namespace edgetp {
namespace {

constexpr int kWorldSizes[] = {1, 2, 3, 4, 8};
constexpr int64_t kElements = 1001;

// The chunks of each directed pair of ranks, as sent or as received.
using Chunks = std::map<std::pair<int, int>, std::vector<int>>;

Chunks ChunksOf(const Schedule& schedule, bool sent) {
  Chunks chunks;
  for (int rank = 0; rank < schedule.world_size; ++rank) {
    for (const Action& action : schedule.actions[rank]) {
      if ((action.kind == ActionKind::kSend) != sent) continue;
      const auto pair =
          sent ? std::make_pair(rank, action.peer) : std::make_pair(action.peer, rank);
      chunks[pair].push_back(action.chunk);
    }
  }
  return chunks;
}

void ExpectSound(const Schedule& schedule) {
  EXPECT_EQ(ChunksOf(schedule, true), ChunksOf(schedule, false)) << schedule.algorithm;
  EXPECT_EQ(DependentSteps(schedule), schedule.world_size == 1 ? 0 : 1) << schedule.algorithm;
}

TEST(RootedTest, AGatherBringsEveryOtherRanksChunkToTheRoot) {
  for (const int world_size : kWorldSizes) {
    const Schedule schedule = BuildGather(world_size, kElements);
    ExpectSound(schedule);
    const Chunks sent = ChunksOf(schedule, true);
    EXPECT_EQ(static_cast<int>(sent.size()), world_size - 1);
    for (int rank = 1; rank < world_size; ++rank) {
      EXPECT_EQ(sent.at({rank, 0}), std::vector<int>{rank});
    }
    EXPECT_EQ(ElementsSent(schedule, 0), 0);
  }
}

TEST(RootedTest, ABroadcastIsOneMessageToEverybody) {
  for (const int world_size : kWorldSizes) {
    const Schedule schedule = BuildBroadcast(world_size, kElements);
    ExpectSound(schedule);
    EXPECT_EQ(ElementsSent(schedule, 0), (world_size - 1) * kElements);
  }
}

TEST(RootedTest, WhatIsMissingComesChunkByChunk) {
  for (const int world_size : kWorldSizes) {
    const Schedule schedule = BuildBroadcastMissing(world_size, kElements);
    ExpectSound(schedule);
    for (const auto& [pair, chunks] : ChunksOf(schedule, true)) {
      EXPECT_EQ(pair.first, 0);
      const std::set<int> different(chunks.begin(), chunks.end());
      EXPECT_EQ(static_cast<int>(chunks.size()), world_size - 1);
      EXPECT_EQ(different.size(), chunks.size());
      EXPECT_EQ(different.count(pair.second), 0u);
    }
  }
}

}  // namespace
}  // namespace edgetp
