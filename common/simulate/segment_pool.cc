#include "common/simulate/segment_pool.h"

namespace edgetp {

int SegmentPool::Add(const FlyingSegment& segment) {
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
  Queue& queue = queues_[Key(at(id).source, at(id).destination)];
  if (queue.head == kNone) {
    queue.head = id;
  } else {
    nodes_[queue.tail].next = id;
  }
  queue.tail = id;
}

int SegmentPool::Front(int source, int destination) const {
  const auto found = queues_.find(Key(source, destination));
  return found == queues_.end() ? kNone : found->second.head;
}

void SegmentPool::PopFront(int source, int destination) {
  Queue& queue = queues_[Key(source, destination)];
  const int id = queue.head;
  queue.head = nodes_[id].next;
  nodes_[id].next = free_;
  free_ = id;
}

void SegmentPool::Clear() {
  nodes_.clear();
  queues_.clear();
  free_ = kNone;
}

}  // namespace edgetp
