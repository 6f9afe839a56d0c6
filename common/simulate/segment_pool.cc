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
  Queue& queue = queues_[at(id).destination][at(id).source];
  if (queue.head == kNone) {
    queue.head = id;
  } else {
    nodes_[queue.tail].next = id;
  }
  queue.tail = id;
}

int SegmentPool::Front(int source, int destination) const {
  const auto found = queues_[destination].find(source);
  return found == queues_[destination].end() ? kNone : found->second.head;
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
