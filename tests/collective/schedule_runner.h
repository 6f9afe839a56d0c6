// A tiny interpreter of schedules for tests: P ranks in one thread, messages in per-pair FIFOs, any
// wire format. It shares no code with the worker's executor. It stops and says why if ranks wait
// for ever, or if a message is not the one that the receiver's list expects, or is left over.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/collective/codec.h"
#include "common/collective/schedule.h"

namespace edgetp::testing {

struct RunResult {
  std::string error;                        // empty: every list ended
  std::vector<std::vector<float>> buffers;  // by rank: what the all-reduce left
  std::vector<std::vector<int>> own_adds;   // by rank and chunk: how often its own part was added
};

class ScheduleRunner {
 public:
  ScheduleRunner(const Schedule& schedule, const WireFormat& wire,
                 std::vector<std::vector<float>> inputs)
      : schedule_(schedule),
        wire_(wire),
        inputs_(std::move(inputs)),
        ranks_(schedule.actions.size()) {
    result_.buffers = inputs_;
    result_.own_adds.assign(ranks_.size(), std::vector<int>(schedule.chunks.size(), 0));
    for (Rank& rank : ranks_) {
      rank.sums.resize(schedule.chunks.size());
      rank.own.resize(schedule.chunks.size());
    }
  }

  RunResult Run() {
    bool progress = true;
    while (progress && result_.error.empty()) {
      progress = false;
      for (size_t rank = 0; rank < ranks_.size(); ++rank)
        progress |= Advance(static_cast<int>(rank));
    }
    for (size_t rank = 0; rank < ranks_.size() && result_.error.empty(); ++rank) {
      if (ranks_[rank].next < schedule_.actions[rank].size())
        result_.error = "a rank waits for ever";
    }
    for (const auto& [pair, queue] : in_flight_) {
      if (!queue.empty() && result_.error.empty()) result_.error = "a message was never received";
    }
    if (result_.error.empty()) StoreResults();
    return result_;
  }

 private:
  struct Message {
    int chunk;
    std::vector<std::byte> wire;
    std::vector<int> parts;  // ranks whose own parts it holds
  };
  struct Sum {
    bool started = false;
    bool from_wire = false;  // taken as the final value
    std::vector<float> values;
    std::vector<std::byte> wire;  // what was sent of them; empty: nothing yet
    std::vector<int> parts;
  };
  struct Rank {
    size_t next = 0;
    std::vector<Sum> sums;
    std::vector<Sum> own;  // by chunk, once it was sent
  };

  bool Advance(int rank) {
    Rank& state = ranks_[rank];
    const std::vector<Action>& actions = schedule_.actions[rank];
    const size_t before = state.next;
    while (state.next < actions.size() && Perform(rank, actions[state.next])) ++state.next;
    return state.next != before;
  }

  bool Perform(int rank, const Action& action) {
    const ChunkRange chunk = schedule_.chunks[action.chunk];
    if (chunk.size() == 0) return true;
    Sum& sum = ranks_[rank].sums[action.chunk];
    if (action.kind == ActionKind::kSend) return Send(rank, action, &sum);
    if (action.kind == ActionKind::kReduceLocal) return ReduceLocal(rank, action, &sum);
    return Receive(rank, action, &sum);
  }

  std::vector<std::byte> Encoded(const std::vector<float>& values) const {
    std::vector<std::byte> wire(wire_.WireBytes(static_cast<int64_t>(values.size())));
    wire_.Encode(values, wire.data());
    return wire;
  }

  std::vector<float> OwnPart(int rank, int chunk) const {
    const ChunkRange range = schedule_.chunks[chunk];
    std::vector<float> part(inputs_[rank].begin() + range.begin, inputs_[rank].begin() + range.end);
    if (wire_.elementwise()) wire_.Round(absl::MakeSpan(part));
    return part;
  }

  // Who encodes a value for the first time goes on with what others decode of it.
  bool Send(int rank, const Action& action, Sum* sum) {
    Sum& own = ranks_[rank].own[action.chunk];
    if (!own.started) own = {true, false, OwnPart(rank, action.chunk), {}, {rank}};
    Sum& value = sum->started ? *sum : own;
    if (value.wire.empty()) {
      value.wire = Encoded(value.values);
      wire_.Decode(value.wire.data(), absl::MakeSpan(value.values));
    }
    in_flight_[{rank, action.peer}].push_back({action.chunk, value.wire, value.parts});
    return true;
  }

  bool ReduceLocal(int rank, const Action& action, Sum* sum) {
    ++result_.own_adds[rank][action.chunk];
    const Sum& sent = ranks_[rank].own[action.chunk];
    Add(sent.started ? sent.values : OwnPart(rank, action.chunk), {rank}, sum);
    return true;
  }

  bool Receive(int rank, const Action& action, Sum* sum) {
    std::deque<Message>& queue = in_flight_[{action.peer, rank}];
    if (queue.empty()) return false;
    const Message message = std::move(queue.front());
    queue.pop_front();
    if (message.chunk != action.chunk) {
      result_.error = "a message is not the one that was expected";
      return false;
    }
    std::vector<float> values(schedule_.chunks[action.chunk].size());
    wire_.Decode(message.wire.data(), absl::MakeSpan(values));
    if (action.kind == ActionKind::kRecvReduce) {
      Add(values, message.parts, sum);
    } else {
      *sum = {true, true, values, message.wire, message.parts};
    }
    return true;
  }

  static void Add(const std::vector<float>& values, const std::vector<int>& parts, Sum* sum) {
    if (!sum->started) {
      *sum = {true, false, values, {}, parts};
      return;
    }
    for (size_t i = 0; i < values.size(); ++i) sum->values[i] += values[i];
    sum->wire.clear();
    sum->parts.insert(sum->parts.end(), parts.begin(), parts.end());
  }

  void StoreResults() {
    for (size_t rank = 0; rank < ranks_.size(); ++rank) {
      for (size_t chunk = 0; chunk < schedule_.chunks.size(); ++chunk) Store(rank, chunk);
    }
  }

  void Store(size_t rank, size_t chunk) {
    const ChunkRange range = schedule_.chunks[chunk];
    if (range.size() == 0 || ranks_.size() == 1) return;
    Sum& sum = ranks_[rank].sums[chunk];
    std::vector<bool> seen(ranks_.size(), false);
    for (const int part : sum.parts) {
      if (seen[part]) result_.error = "a part was added twice";
      seen[part] = true;
    }
    if (sum.parts.size() != ranks_.size()) result_.error = "a part is missing";
    if (!sum.from_wire && wire_.elementwise()) wire_.Round(absl::MakeSpan(sum.values));
    std::copy(sum.values.begin(), sum.values.end(), result_.buffers[rank].begin() + range.begin);
  }

  const Schedule& schedule_;
  const WireFormat wire_;
  const std::vector<std::vector<float>> inputs_;
  std::vector<Rank> ranks_;
  std::map<std::pair<int, int>, std::deque<Message>> in_flight_;
  RunResult result_;
};

}  // namespace edgetp::testing
