#include "common/collective/schedule.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

// Runs a schedule's control flow alone, to find how deep its messages depend on one another.
class DepthWalk {
 public:
  explicit DepthWalk(const Schedule& schedule)
      : schedule_(schedule),
        next_(schedule.actions.size(), 0),
        depth_(schedule.actions.size(), 0) {}

  int Run() {
    bool progress = true;
    while (progress) {
      progress = false;
      for (size_t rank = 0; rank < next_.size(); ++rank)
        progress |= Advance(static_cast<int>(rank));
    }
    for (size_t rank = 0; rank < next_.size(); ++rank) {
      if (next_[rank] != schedule_.actions[rank].size()) return 0;
    }
    return next_.empty() ? 0 : *std::max_element(depth_.begin(), depth_.end());
  }

 private:
  bool Advance(int rank) {
    const std::vector<Action>& actions = schedule_.actions[rank];
    const size_t before = next_[rank];
    while (next_[rank] < actions.size() && Perform(rank, actions[next_[rank]])) ++next_[rank];
    return next_[rank] != before;
  }

  // False if the message is not there yet.
  bool Perform(int rank, const Action& action) {
    if (action.kind == ActionKind::kReduceLocal) return true;
    if (action.kind == ActionKind::kSend) {
      in_flight_[{rank, action.peer}].push_back(depth_[rank] + 1);
      return true;
    }
    std::deque<int>& queue = in_flight_[{action.peer, rank}];
    if (queue.empty()) return false;
    depth_[rank] = std::max(depth_[rank], queue.front());
    queue.pop_front();
    return true;
  }

  const Schedule& schedule_;
  std::vector<size_t> next_;
  std::vector<int> depth_;  // of the messages that a rank has received
  std::map<std::pair<int, int>, std::deque<int>> in_flight_;
};

std::string ToString(const Action& action) {
  switch (action.kind) {
    case ActionKind::kSend:
      return absl::StrCat("send chunk ", action.chunk, " to ", action.peer);
    case ActionKind::kRecvReduce:
      return absl::StrCat("receive chunk ", action.chunk, " from ", action.peer, " and add it");
    case ActionKind::kRecvCopy:
      return absl::StrCat("receive chunk ", action.chunk, " from ", action.peer, " as final");
    case ActionKind::kReduceLocal:
      return absl::StrCat("add own chunk ", action.chunk);
  }
  return "";
}

}  // namespace

std::vector<ChunkRange> EvenChunks(int64_t elements, int count, int64_t granule) {
  const int64_t granules = (elements + granule - 1) / granule;
  const int64_t small = granules / count;
  const int64_t larger_ones = granules % count;
  std::vector<ChunkRange> chunks(count);
  int64_t begin = 0;
  for (int i = 0; i < count; ++i) {
    const int64_t size = granule * (small + (i < larger_ones ? 1 : 0));
    chunks[i] = {begin, std::min(begin + size, elements)};
    begin = chunks[i].end;
  }
  return chunks;
}

std::vector<ChunkRange> ConsecutiveChunks(absl::Span<const int64_t> counts) {
  std::vector<ChunkRange> chunks;
  int64_t begin = 0;
  for (const int64_t count : counts) {
    chunks.push_back({begin, begin + count});
    begin += count;
  }
  return chunks;
}

Schedule EmptySchedule(const std::string& algorithm, int world_size,
                       std::vector<ChunkRange> chunks) {
  return {algorithm, world_size, std::move(chunks), std::vector<std::vector<Action>>(world_size)};
}

int DependentSteps(const Schedule& schedule) { return DepthWalk(schedule).Run(); }

int64_t ElementsSent(const Schedule& schedule, int rank) {
  int64_t elements = 0;
  for (const Action& action : schedule.actions[rank]) {
    if (action.kind == ActionKind::kSend) elements += schedule.chunks[action.chunk].size();
  }
  return elements;
}

int64_t BytesSent(const Schedule& schedule, int rank, const WireFormat& format) {
  int64_t bytes = 0;
  for (const Action& action : schedule.actions[rank]) {
    if (action.kind == ActionKind::kSend)
      bytes += format.WireBytes(schedule.chunks[action.chunk].size());
  }
  return bytes;
}

bool EncodesAt(const std::vector<Action>& actions, size_t index) {
  const Action& action = actions[index];
  if (action.kind != ActionKind::kSend) return false;
  return index == 0 || actions[index - 1].kind != ActionKind::kSend ||
         actions[index - 1].chunk != action.chunk;
}

std::string ToString(const Schedule& schedule) {
  std::string text;
  for (int rank = 0; rank < schedule.world_size; ++rank) {
    for (const Action& action : schedule.actions[rank]) {
      absl::StrAppend(&text, "rank ", rank, ": ", ToString(action), "\n");
    }
  }
  return text;
}

}  // namespace edgetp
