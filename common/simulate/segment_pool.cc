#include "common/simulate/segment_pool.h"

namespace edgetp {

int SegmentPool::Add(const FlyingSegment& segment) {
  ++in_flight_;
  if (free_ == kNone) {
    nodes_.push_back({segment, kNone});
    return static_cast<int>(nodes_.size()) - 1;
  }
  const int id = free_;
  free_ = nodes_[id].next;
  nodes_[id] = {segment, kNone};
  return id;
}

void SegmentPool::Enqueue(int id) {
  std::vector<Queue>& senders = queues_[at(id).destination];
  if (senders.empty()) senders.resize(world_size_);
  Queue& queue = senders[at(id).source];
  if (queue.head == kNone) {
    queue.head = id;
  } else {
    nodes_[queue.tail].next = id;
  }
  queue.tail = id;
}

int SegmentPool::Front(int source, int destination) const {
  const std::vector<Queue>& senders = queues_[destination];
  return senders.empty() ? kNone : senders[source].head;
}

void SegmentPool::PopFront(int source, int destination) {
  Queue& queue = queues_[destination][source];
  const int id = queue.head;
  queue.head = nodes_[id].next;
  nodes_[id].next = free_;
  free_ = id;
  --in_flight_;
}

}  // namespace edgetp
