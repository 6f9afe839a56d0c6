// Ranks of one process that hand segments to one another in memory: no sockets and no gRPC threads, so
// that ThreadSanitizer sees everything that happens.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "common/base/clock.h"
#include "worker/transport/segment_transport.h"

namespace edgetp {

// What all ranks share.
class MemoryNetwork {
 public:
  explicit MemoryNetwork(int world_size)
      : queues_(world_size, std::vector<std::deque<ReceivedSegment>>(world_size)) {}

  int world_size() const { return static_cast<int>(queues_.size()); }

  void Put(int source, int destination, ReceivedSegment segment) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queues_[destination][source].push_back(std::move(segment));
    }
    changed_.notify_all();
  }

  // Moves what has come for a rank into `received`, by source.
  // Blocks until: there is anything, the rank is ended, or `until`.
  void Take(int rank, absl::Time until, const absl::Status& ended,
            std::vector<std::deque<ReceivedSegment>>* received) {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto take = [&] {
      bool any = !ended.ok();
      for (int source = 0; source < world_size(); ++source) {
        std::deque<ReceivedSegment>& queue = queues_[rank][source];
        for (; !queue.empty(); queue.pop_front(), any = true)
          (*received)[source].push_back(std::move(queue.front()));
      }
      return any;
    };
    if (until == absl::InfinitePast()) {
      take();
    } else {
      changed_.wait_until(lock, ToSteady(until), take);
    }
  }

  void End(absl::Status* ended, const absl::Status& status) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ended->Update(status);
    }
    changed_.notify_all();
  }
  absl::Status Read(const absl::Status& ended) {
    std::lock_guard<std::mutex> lock(mutex_);
    return ended;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<std::deque<ReceivedSegment>>> queues_;  // by destination, then by source
};

class MemoryTransport final : public SegmentTransport {
 public:
  MemoryTransport(MemoryNetwork* network, int rank)
      : network_(network), rank_(rank), received_(network->world_size()) {}

  int rank() const override { return rank_; }
  int world_size() const override { return network_->world_size(); }
  bool one_clock() const override { return true; }
  bool CanSend(int) const override { return true; }
  absl::Status Send(int peer, const SegmentHeader& header,
                    absl::Span<const std::byte> payload) override {
    ReceivedSegment segment;
    segment.header = header;
    segment.payload.emplace_back(payload.data(), payload.size());
    segment.payload_bytes = static_cast<int64_t>(payload.size());
    network_->Put(rank_, peer, std::move(segment));
    ++sent_;
    return network_->Read(ended_);
  }
  uint64_t Released(int) const override { return sent_; }  // copied
  const ReceivedSegment* Front(int peer) const override { return Queued(peer, 0); }
  const ReceivedSegment* Queued(int peer, size_t index) const override {
    return index < received_[peer].size() ? &received_[peer][index] : nullptr;
  }
  void Pop(int peer) override { received_[peer].pop_front(); }
  absl::Status Poll(absl::Time until) override {
    network_->Take(rank_, until, ended_, &received_);
    return network_->Read(ended_);
  }
  bool Closed(int) const override { return false; }
  void Abort(const absl::Status& status) override { network_->End(&ended_, status); }

 private:
  MemoryNetwork* network_;
  const int rank_;
  // Nothing below but `ended_`, which the network's lock guards, is locked: whoever has the transport
  // must have it alone.
  std::vector<std::deque<ReceivedSegment>> received_;  // by source
  uint64_t sent_ = 0;
  absl::Status ended_;
};

}  // namespace edgetp
