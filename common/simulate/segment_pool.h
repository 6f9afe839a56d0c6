// The segments that are under way in a simulation, and for each link those that its receiver has
// not taken yet. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "common/network/link_model.h"

namespace edgetp {

struct FlyingSegment {
  int source = 0;
  int destination = 0;
  int64_t bytes = 0;
  absl::Duration flight;  // delay and what was drawn, without waiting for earlier messages
  Departure departure;
  absl::Time entered;  // latest time at which a rank on which it depends had entered the collective
  absl::Time arrival;  // known once its first bit is at the receiver
};

class SegmentPool {
 public:
  static constexpr int kNone = -1;

  explicit SegmentPool(int world_size) : world_size_(world_size), queues_(world_size) {}

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
  const int world_size_;
  // By receiver, then by sender; of a receiver without any, empty. A table of P x P queues has 8 MB
  // for a thousand ranks, and a rank that takes messages in the order of their senders reads it
  // from front to back.
  std::vector<std::vector<Queue>> queues_;
};

}  // namespace edgetp
