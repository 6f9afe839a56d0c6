// The emulated segments that one collective of a rank took: what the model asked for, what the host
// made of it, and what that cost the collective. Kept by ScheduleExecutor. Passive: all times are
// arguments. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"

namespace edgetp {

// One emulated segment's way.
struct Delivery {
  int source = -1;
  int64_t bytes = 0;
  absl::Duration asked;     // handover to arrival
  absl::Duration realised;  // handover to hand-on
  absl::Duration queueing;  // of asked: behind other messages, at either end
  absl::Duration error;     // of the hold: hand-on minus max(arrival, when it was wanted); >= 0
  bool late = false;        // it was physically there only after its time, while this rank waited
  bool held = false;        // by its sender, on another host
  // The error, where this rank waited: what the host added to the collective's time. Zero where a
  // later wait made up for it before anything was sent.
  absl::Duration lost;
  // Of a segment from another host: by how much the times above may be wrong, and the same where this
  // rank waited for them.
  absl::Duration clock_bound;
  absl::Duration clock;
};

// The rank has waited for the collective for so long: what was late has cost it no more, and nothing
// where it has not waited at all.
void ForgiveHidden(absl::Duration exposed, std::vector<Delivery>* deliveries);

class DeliveryLog {
 public:
  // Begins a collective whose deliveries go to `out`. A paced rank catches up within its next
  // compute segment: what it does not is counted there, and nothing is lost here.
  void Begin(std::vector<Delivery>* out, bool paced);

  // The rank wanted the segment at `begin`, when it was there physically or not; the network
  // delivers it at `arrival`.
  void Add(Delivery delivery, absl::Time begin, absl::Time arrival, bool was_there);

  // A send: whoever receives it is told later by whatever was lost until now.
  void PassedOn() { not_passed_on_ = out_->size(); }

  // Of `software`, what of the collective's time [begin, end) was no waiting: the part that no
  // emulated delay hides, without what the host added.
  absl::Duration ExposedSoftware(absl::Time begin, absl::Time end, absl::Duration software) const;

 private:
  std::vector<Delivery>* out_ = nullptr;
  bool paced_ = false;
  absl::Time last_arrival_;
  absl::Duration lost_since_last_arrival_;
  size_t not_passed_on_ = 0;  // of the deliveries: since the last send, or the last full wait
};

}  // namespace edgetp
