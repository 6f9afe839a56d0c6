// A rank's view of the emulated network in real time: stamps what it sends with the link model's
// times, and computes when what it receives may be handed on. Waiting is the executor's work. One
// thread; SetNetwork from any. The network may change between any two calls: whatever must fit
// together is decided within one.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/network/link_model.h"
#include "worker/transport/segment_codec.h"

namespace edgetp {

// Asks the arbiter of what several ranks share, who is one for all ranks of a job, for the next free
// time.
class MediumReservation {
 public:
  virtual ~MediumReservation() = default;
  // The start of `airtime` on the medium, not before `handover`. All times are MonotonicNow's.
  // Blocks until: the answer is there; has a deadline of its own.
  virtual absl::StatusOr<absl::Time> Reserve(absl::Time handover, absl::Duration airtime) = 0;
  // How long a piece of a message waits on the trunks of its way (Trunks::Pass). As Reserve; an
  // arbiter may have a medium alone.
  virtual absl::StatusOr<absl::Duration> Pass(absl::Time start, absl::Duration span,
                                              absl::Span<const TrunkPassage> passages);
};

Departure ToDeparture(const SegmentTimes& times);

// A message as its sender hands it over.
struct OutgoingMessage {
  int peer = -1;
  absl::Time handover;
  std::vector<int64_t> segment_bytes;
  bool always = false;  // bears times even where nothing is delayed
};

class EmulatedNetwork {
 public:
  // `medium` may be null: then this rank's own model is the arbiter, which is exact only where one
  // rank sends at a time.
  EmulatedNetwork(int rank, int world_size, NetworkOptions network, uint64_t seed,
                  MediumReservation* medium);
  virtual ~EmulatedNetwork() = default;

  // Takes effect at the next call of active, Connected or Stamp.
  void SetNetwork(NetworkOptions network);

  // False while nothing is ever delayed: no stamps are needed.
  bool active();

  bool Connected(int peer);

  // Of payload on the link to a peer, in bits per second; 0: unlimited.
  double RateTo(int peer);

  // Stamps of the message's segments, in order, all from one state of the network; they share one
  // draw of jitter and loss. Zeros where nothing is delayed. Nothing while the peer is cut off: the
  // message has not left then, and nothing has been drawn.
  // Errors: those of the medium's arbiter.
  absl::StatusOr<std::optional<std::vector<SegmentTimes>>> Stamp(const OutgoingMessage& message);

  // When this rank has a segment that `source` stamped. Call once per segment, in order per source.
  absl::Time Arrive(int source, const SegmentTimes& times);

 protected:
  // The state that is to come into force now, if there is another one.
  virtual std::optional<NetworkOptions> NextState();

 private:
  void TakeUpdate();
  // When a segment of a message moves, the arbiter asked where its way has trunks.
  absl::StatusOr<Departure> Depart(const OutgoingMessage& message, int64_t bytes,
                                   const Impairment& impairment, std::optional<absl::Time> granted);

  const int rank_;
  LinkModel model_;
  MediumReservation* medium_;
  std::vector<uint64_t> messages_;  // by destination: sent so far
  std::mutex mutex_;
  std::optional<NetworkOptions> update_;  // guarded by mutex_
  std::atomic<bool> has_update_{false};
  bool active_;
};

}  // namespace edgetp
