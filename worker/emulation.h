// A rank's view of the emulated network in real time: stamps what it sends with the link model's
// times, and computes when what it receives may be handed on. Waiting is the executor's work. One
// thread; SetNetwork from any.
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
#include "worker/segment_codec.h"

namespace edgetp {

// Asks the arbiter of a shared medium, who is one for all ranks of a job, for the next free time.
class MediumReservation {
 public:
  virtual ~MediumReservation() = default;
  // The start of `airtime` on the medium, not before `handover`. All times are MonotonicNow's.
  // Blocks until: the answer is there; has a deadline of its own.
  virtual absl::StatusOr<absl::Time> Reserve(absl::Time handover, absl::Duration airtime) = 0;
};

Departure ToDeparture(const SegmentTimes& times);

class EmulatedNetwork {
 public:
  // `medium` may be null: then this rank's own model is the arbiter, which is exact only where one
  // rank sends at a time.
  EmulatedNetwork(int rank, int world_size, NetworkOptions network, uint64_t seed,
                  MediumReservation* medium);

  // Takes effect at the next Stamp or Connected.
  void SetNetwork(NetworkOptions network);

  // False while nothing is ever delayed: no stamps are needed.
  bool active();

  bool Connected(int peer);

  // Stamps of the segments of one message to `peer`, in order; they share one draw of jitter and
  // loss. Errors: those of the medium's arbiter.
  absl::StatusOr<std::vector<SegmentTimes>> Stamp(int peer, absl::Time handover,
                                                  absl::Span<const int64_t> segment_bytes);

  // When this rank has a segment that `source` stamped. Call once per segment, in order per source.
  absl::Time Arrive(int source, const SegmentTimes& times);

 private:
  void TakeUpdate();

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
