// A collective as data: for every rank the ordered list of what it sends, receives and adds. The
// same Schedule is executed by the worker, priced by the simulator and checked by property tests.
// Pure.
//
// What makes all ranks hold the same bits, whatever the wire format (codec.h): who encodes a value
// for others goes on with what they will decode. So in `direct` every rank adds the decoded parts
// of all ranks, its own included. In `two_phase` and `star` the owner of a chunk adds the others'
// decoded parts to its own exact one, encodes the sum once, and keeps what it has encoded.
//
// Elementwise formats make the algorithms that sum in rank order hold the same bits as one another,
// too, by two more rules for who executes a schedule:
//
//   * A rank's own part goes through the format before it is added, sent or not, as everybody
//     else's part did.
//   * The final value of a chunk goes through the format where it is completed, sent or not.
//
// On each pair of ranks, messages are received in the order in which they were sent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/collective/codec.h"

namespace edgetp {

enum class ActionKind {
  kSend,         // hand over the sum so far, or the own part before there is one; never waits
  kRecvReduce,   // wait for the chunk from the peer and add it to the sum
  kRecvCopy,     // wait for the chunk from the peer and take it as the final value
  kReduceLocal,  // add this rank's own part to the sum
};

// The first operand that is added starts the sum of a chunk.
struct Action {
  ActionKind kind;
  int peer = -1;  // -1 for kReduceLocal
  int chunk = 0;
};

inline bool Receives(const Action& action) {
  return action.kind == ActionKind::kRecvReduce || action.kind == ActionKind::kRecvCopy;
}

// Half-open range of elements. Chunks may be empty; an empty chunk is neither sent nor received.
struct ChunkRange {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};

struct Schedule {
  std::string algorithm;
  int world_size = 1;
  std::vector<ChunkRange> chunks;
  std::vector<std::vector<Action>> actions;  // [rank], in order; no actions at world size 1
};

// `elements` cut into `count` chunks that begin at multiples of `granule` and whose sizes differ by
// at most one granule; the last chunk that is not empty may end inside of one.
std::vector<ChunkRange> EvenChunks(int64_t elements, int count, int64_t granule = 1);

// One chunk after another, of so many elements each.
std::vector<ChunkRange> ConsecutiveChunks(absl::Span<const int64_t> counts);

// An algorithm's Schedule before its actions: name, chunks, and an empty list per rank.
Schedule EmptySchedule(const std::string& algorithm, int world_size,
                       std::vector<ChunkRange> chunks);

// Length of the longest chain of dependent messages, where a message depends on all that its
// sender's list receives before it. Empty chunks count as sent. 0 if no rank can go on: a correct
// schedule always ends.
int DependentSteps(const Schedule& schedule);

// What a rank sends.
int64_t ElementsSent(const Schedule& schedule, int rank);
int64_t BytesSent(const Schedule& schedule, int rank, const WireFormat& format);

// Whether an action sends a value that has not just been sent to another peer: it is encoded then.
bool EncodesAt(const std::vector<Action>& actions, size_t index);

// One line per action, for people.
std::string ToString(const Schedule& schedule);

}  // namespace edgetp
