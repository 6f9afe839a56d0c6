// The segments that are under way in a simulation, and for each link those that its receiver has
// not taken yet. Memory follows what is in flight, not the number of links. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "common/network/link_model.h"

namespace edgetp {

struct FlyingSegment {
  int source = 0;
  int destination = 0;
  int64_t bytes = 0;
  Departure departure;
  absl::Time entered;  // latest time at which a rank on which it depends had entered the collective
  absl::Time arrival;  // known once its first bit is at the receiver
};

class SegmentPool {
 public:
  static constexpr int kNone = -1;

  explicit SegmentPool(int world_size) : queues_(world_size) {}

  int Add(const FlyingSegment& segment);
  FlyingSegment& at(int id) { return nodes_[id].segment; }
  int64_t in_flight() const { return in_flight_; }

  // The receiver's interface knows the segment now: it comes after those of its link that came
  // before.
  void Enqueue(int id);
  // The oldest enqueued segment of a link, or kNone.
  int Front(int source, int destination) const;
  // Takes the oldest one out; its id may be used again.
  void PopFront(int source, int destination);

 private:
  struct Node {
    FlyingSegment segment;
    int next = kNone;
  };
  struct Queue {
    int head = kNone;
    int tail = kNone;
  };

  std::vector<Node> nodes_;
  int free_ = kNone;
  int64_t in_flight_ = 0;
  // By receiver, then by sender: what one rank looks at next lies together.
  std::vector<absl::flat_hash_map<int, Queue>> queues_;
};

}  // namespace edgetp
