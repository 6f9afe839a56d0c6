// What happens next in a simulation. Times of one sender's segments mostly rise, so that only the
// first of each such run is in the heap: it stays as small as there are ranks, even when a million
// segments are under way. Ties are broken by the order of creation. Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <queue>
#include <vector>

#include "absl/time/time.h"

namespace edgetp {

// Either a rank goes on, or the first bit of a segment reaches its receiver.
struct Event {
  static constexpr int kNobody = -1;

  absl::Time at;
  uint64_t order = 0;  // of creation
  int rank = kNobody;
  int segment = kNobody;

  bool operator<(const Event& other) const {
    return at != other.at ? at < other.at : order < other.order;
  }
};

class EventQueue {
 public:
  explicit EventQueue(int world_size) : runs_(world_size) {}

  void PushRank(absl::Time at, int rank) {
    heap_.push({{at, made_++, rank, Event::kNobody}, Event::kNobody});
  }

  void PushSegment(absl::Time at, int source, int segment) {
    const Event event{at, made_++, Event::kNobody, segment};
    std::deque<Event>& run = runs_[source];
    if (!run.empty() && event.at < run.back().at) {
      heap_.push({event, Event::kNobody});
      return;
    }
    run.push_back(event);
    if (run.size() == 1) heap_.push({event, source});
    waiting_ += run.size() > 1;
  }

  size_t size() const { return heap_.size() + waiting_; }
  bool empty() const { return heap_.empty(); }

  // The earliest. The queue must not be empty.
  Event Pop() {
    const Entry top = heap_.top();
    heap_.pop();
    if (top.run == Event::kNobody) return top.event;
    std::deque<Event>& run = runs_[top.run];
    run.pop_front();
    if (!run.empty()) {
      heap_.push({run.front(), top.run});
      --waiting_;
    }
    return top.event;
  }

  void Clear() {
    heap_ = {};
    for (std::deque<Event>& run : runs_) run.clear();
    waiting_ = 0;
  }

 private:
  struct Entry {
    Event event;
    int run;  // whose first event this is; kNobody: none
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const { return b.event < a.event; }
  };

  std::priority_queue<Entry, std::vector<Entry>, Later> heap_;
  std::vector<std::deque<Event>> runs_;  // by sender; the first of each is in the heap, too
  size_t waiting_ = 0;                   // in runs, and not in the heap
  uint64_t made_ = 0;
};

}  // namespace edgetp
