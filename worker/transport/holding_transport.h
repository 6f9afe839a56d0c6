// Sender-side holding: emulation between ranks that share no clock. Wraps the transport of such a
// group: a stamped segment is copied, and sent only when the sender's clock reaches its last_bit;
// what arrives is translated to this rank's clock, so that nobody above sees a difference. The real
// network's own time comes on top of the emulated delay. Used by CollectiveGroup. One thread calls
// everything but Abort; from the first stamped segment on, a thread of its own keeps the times
// while that one computes or sleeps.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "worker/transport/segment_transport.h"

namespace edgetp {

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
  // All ranks of the group must hold.
  explicit HoldingTransport(std::unique_ptr<SegmentTransport> inner, HoldingOptions options = {});
  // Blocks until: what is held has gone (unless the group has failed), at most options.linger.
  ~HoldingTransport() override;

  int rank() const override { return inner_->rank(); }
  int world_size() const override { return inner_->world_size(); }
  bool one_clock() const override { return true; }
  bool CanSend(int peer) const override;
  // A stamped segment is released at once; an error of its later sending comes from Poll.
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
    std::unique_ptr<std::byte[]> copy;    // of a stamped segment
  };
  struct Link {
    std::deque<Outgoing> outgoing;         // oldest first, without those that `inner_` has released
    size_t started = 0;                    // of outgoing, from the front: handed to `inner_`
    uint64_t gone = 0;                     // sends that have left `outgoing`
    int64_t copied_bytes = 0;              // of outgoing
    std::deque<ReceivedSegment> received;  // translated
    int64_t received_bytes = 0;
  };

  absl::Status Progress(absl::Time until);
  absl::Status TryProgress(absl::Time until);
  absl::Status LetGo(int peer);
  void Collect(int peer);
  void Take(int peer, absl::Time now);
  absl::Time NextDue() const;
  absl::Time LastDue() const;
  void Linger();

  void StartKeeper();
  void Keep();
  bool KeeperSleeps();
  void WakeKeeperAt(absl::Time time);

  const HoldingOptions options_;
  // Whoever has it makes progress: everything down to `failed_`, and all calls of `inner_` but
  // Abort.
  mutable std::mutex mutex_;
  std::vector<Link> links_;  // by peer; outlives `inner_`, which reads the copies
  std::unique_ptr<SegmentTransport> inner_;
  absl::Status failed_;

  std::mutex keeper_mutex_;
  std::condition_variable keeper_changed_;
  absl::Time next_look_ = absl::InfinitePast();       // guarded by keeper_mutex_, as what follows:
  absl::Time keeper_alarm_ = absl::InfiniteFuture();  // when the keeper wakes
  bool stop_ = false;
  std::thread keeper_;
};

}  // namespace edgetp
