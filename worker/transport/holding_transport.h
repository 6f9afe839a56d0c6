// What emulation needs between ranks that share no clock. Wraps the transport of such a group: it
// keeps an estimate of the other hosts' clocks (host_clocks.h), and moves what arrives to this
// rank's, so that nobody above sees a difference. A stamped segment goes at once, and its receiver
// holds it, as on one host; where the clock is not known well enough for the segment's delay, it
// waits here until the sender's clock reaches its last_bit. Stamped segments to other hosts are
// copied: their sender need not wait for the real network. Used by CollectiveGroup. One thread calls
// everything but Abort; a thread of its own keeps the times, and the streams going, while that one
// computes or sleeps.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "worker/transport/host_clocks.h"
#include "worker/transport/segment_transport.h"

namespace edgetp {

// A sender holds where the bound on the clock's error is more than this share of what the emulated
// link takes.
inline constexpr double kMaxBoundShare = 0.1;

struct HoldingOptions {
  // Copies per peer; a segment more is accepted below it. The caller keeps the rest, which only
  // matters where it wants to leave a collective that still has more than this under way to one
  // peer: the peers' results depend on it, so that hardly happens, and then it waits.
  int64_t max_held_bytes = 16 << 20;
  // Per peer, of segments that have come before this rank wanted them: beyond it they stay in the
  // streams, and the times of their arrival are not known. More than the 36 MiB that a rank of
  // GPT-2 is sent in one all-reduce.
  int64_t max_received_bytes = 64 << 20;
  // How long the destructor waits for held segments to be due: the deadline of a collective, since
  // nobody waits longer for them.
  absl::Duration linger = absl::Seconds(30);
};

class HoldingTransport final : public SegmentTransport {
 public:
  // All ranks of the group must be wrapped.
  explicit HoldingTransport(std::unique_ptr<SegmentTransport> inner, HoldingOptions options = {});
  // Blocks until: what is held has gone (unless the group has failed), at most options.linger.
  ~HoldingTransport() override;

  int rank() const override { return inner_->rank(); }
  int world_size() const override { return inner_->world_size(); }
  bool one_clock() const override { return false; }
  bool SharesClock(int peer) const override { return inner_->SharesClock(peer); }
  bool CanSend(int peer) const override;
  // A stamped segment to another host is released at once; an error of its later sending comes from
  // Poll.
  absl::Status Send(int peer, const SegmentHeader& header,
                    absl::Span<const std::byte> payload) override;
  uint64_t Released(int peer) const override;
  const ReceivedSegment* Front(int peer) const override { return Queued(peer, 0); }
  const ReceivedSegment* Queued(int peer, size_t index) const override;
  void Pop(int peer) override;
  absl::Status Poll(absl::Time until) override;
  bool Closed(int peer) const override;
  void Abort(const absl::Status& status) override { inner_->Abort(status); }

 private:
  struct Outgoing {
    SegmentHeader header;
    absl::Span<const std::byte> payload;  // the caller's, or `copy`
    std::unique_ptr<std::byte[]> copy;    // of a stamped segment to another host
    absl::Time due;                       // InfinitePast: it is not held
  };
  struct Link {
    std::deque<Outgoing> outgoing;         // oldest first, without those that `inner_` has released
    size_t started = 0;                    // of outgoing, from the front: handed to `inner_`
    uint64_t gone = 0;                     // sends that have left `outgoing`
    int64_t copied_bytes = 0;              // of outgoing
    std::deque<ReceivedSegment> received;  // translated
    int64_t received_bytes = 0;
  };

  std::unique_lock<std::mutex> Lock() const;
  absl::Time DueTime(int peer, const SegmentTimes& times) const;
  absl::Status Progress(absl::Time until);
  absl::Status TryProgress(absl::Time until);
  absl::Status LetGo(int peer);
  void Collect(int peer);
  void Take(int peer, absl::Time now);
  absl::Time NextDue() const;
  absl::Time LastDue() const;
  void Linger();

  void Keep();
  bool Look();
  bool KeeperSleeps();
  void WakeKeeperAt(absl::Time time);

  const HoldingOptions options_;
  // Whoever has it makes progress: everything down to `failed_`, and all calls of `inner_` but
  // Abort.
  mutable std::mutex mutex_;
  mutable std::atomic<int> callers_{0};  // that want it, beside the keeper
  std::vector<Link> links_;  // by peer; outlives `inner_`, which reads the copies
  std::unique_ptr<SegmentTransport> inner_;
  HostClocks clocks_;
  absl::Status failed_;

  std::mutex keeper_mutex_;
  std::condition_variable keeper_changed_;
  absl::Time next_look_ = absl::InfinitePast();       // guarded by keeper_mutex_, as what follows:
  absl::Time keeper_alarm_ = absl::InfiniteFuture();  // when the keeper wakes
  bool stop_ = false;
  std::thread keeper_;
};

}  // namespace edgetp
