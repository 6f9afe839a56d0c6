// The streams of one rank to all others of one job: dialled and greeted once, torn down with the
// job. The first error of any of them is the group's, and stays. Implements SegmentTransport; one
// thread uses it, Abort may come from any.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/version.h"
#include "worker/transport/peer_endpoint.h"
#include "worker/transport/segment_transport.h"

namespace edgetp {

struct PeerMember {
  std::string address;  // host:port of its endpoint
  std::string
      clock_domain;  // members with equal ones share one monotonic clock; empty: with nobody
};

// True if the time stamps of any member mean the same to all.
bool ShareOneClock(const std::vector<PeerMember>& members);

struct PeerGroupOptions {
  std::string job;
  int rank = 0;
  std::vector<PeerMember> members;  // by rank, this one included
  std::string version = kVersion;
  int max_unreleased_segments = 2;  // per peer: few in flight stay in cache
  // Told while the group connects, for people: each dial that fails, as it happens, and once in
  // kDialNotice while nothing else does. Null: nobody.
  std::function<void(const std::string&)> on_dial_error;
};

class PeerGroup final : public SegmentTransport {
 public:
  // `endpoint` must outlive the group. Nothing is dialled yet, so that Abort can reach a group that
  // connects.
  PeerGroup(PeerEndpoint* endpoint, PeerGroupOptions options);
  ~PeerGroup() override;

  // Dials the higher ranks, waits for the lower ones, and exchanges hellos with all.
  // Blocks until: all are there, or `deadline` (monotonic).
  // Errors: DeadlineExceeded naming the missing ranks, and, somewhat before the deadline, the one that
  //   cannot be dialled; FailedPrecondition naming what differs (job, version, world size), the
  //   status of Abort.
  absl::Status Connect(absl::Time deadline);

  int rank() const override { return options_.rank; }
  int world_size() const override { return static_cast<int>(options_.members.size()); }
  bool one_clock() const override;
  bool SharesClock(int peer) const override;
  bool CanSend(int peer) const override;
  absl::Status Send(int peer, const SegmentHeader& header,
                    absl::Span<const std::byte> payload) override;
  uint64_t Released(int peer) const override;
  const ReceivedSegment* Front(int peer) const override { return Queued(peer, 0); }
  const ReceivedSegment* Queued(int peer, size_t index) const override;
  void Pop(int peer) override;
  absl::Status SendProbe(int peer, const ClockProbe& probe) override;
  std::optional<ReceivedProbe> TakeProbe(int peer) override;
  absl::Status Poll(absl::Time until) override;
  bool Closed(int peer) const override;
  void Abort(const absl::Status& status) override;

 private:
  struct Received {
    ReceivedSegment segment;
    int64_t message_bytes = 0;
  };
  struct Peer {
    std::unique_ptr<PeerStream> stream;
    bool hello_sent = false;
    bool ready = false;                      // hellos went both ways
    absl::Time dial_again;                   // where a dialled stream has failed
    absl::Status dial_error;                 // why, at last
    absl::Time told = absl::InfinitePast();  // of it
    std::deque<Received> received;           // decoded, not yet taken
    std::deque<ReceivedProbe> probes;        // the newest few
    uint64_t sent = 0;
    // Shared with gRPC's slices, which may outlive the group.
    std::shared_ptr<std::atomic<uint64_t>> released = std::make_shared<std::atomic<uint64_t>>(0);
  };

  v1::Hello MyHello() const;
  absl::Status CheckHello(const v1::Hello& hello) const;
  absl::Status ConnectStep(absl::Time now);
  absl::Status Greet(int rank, absl::Time now);
  absl::Status TakeArrivals();
  absl::Status Welcome(std::unique_ptr<PeerStream> stream, const v1::Hello& hello);
  absl::Status DialEnded(int rank, absl::Time now);
  void TellDialError(int rank, const absl::Status& status, absl::Time now);
  absl::Status CheckStreams();
  absl::Status Decode(int rank);
  bool AllReady() const;
  std::string MissingRanks() const;
  // Of the first peer that could not be dialled; empty if there is none.
  std::string Unreachable() const;
  absl::Status Fail(const absl::Status& status);
  absl::Status status() const;
  void ReleasePayloads();

  PeerEndpoint* endpoint_;
  PeerGroupOptions options_;
  std::vector<Peer> peers_;  // by rank; this rank's own is unused
  bool torn_down_ = false;
  std::atomic<bool> failed_{false};
  mutable std::mutex mutex_;
  absl::Status status_;  // guarded by mutex_
};

}  // namespace edgetp
