#include "worker/collective/link_clock.h"

#include <algorithm>
#include <utility>

namespace edgetp {

absl::Time LinkClock::Begin(bool paced, absl::Time started) {
  if (std::exchange(paced_, paced) != paced) return now_ = started;
  return now_ = std::max(now_, started);
}

void LinkClock::SpendSending(int64_t bytes, double link_bits_per_second) {
  if (paced_) now_ += SendingTime(*device_, bytes, link_bits_per_second);
}

void LinkClock::SpendReceiving() {
  if (paced_) now_ += device_->message_overhead;
}

void LinkClock::SpendCodec(const WireFormat& wire, int64_t elements) {
  if (paced_) now_ += CodecTime(*device_, wire, elements);
}

void LinkClock::SpendRotation(const WireFormat& wire, int64_t elements) {
  if (paced_) now_ += RotationTime(*device_, wire, elements);
}

absl::Duration LinkClock::SpendStaging(int64_t bytes) {
  if (!paced_) return absl::ZeroDuration();
  const absl::Duration staging = StagingTime(*device_, bytes);
  now_ += staging;
  return staging;
}

absl::Duration LinkClock::SpendOverlap(absl::Duration overlap) {
  if (!paced_) return absl::ZeroDuration();
  const absl::Duration cost = OverlapCost(*device_, overlap);
  now_ += cost;
  return cost;
}

void LinkClock::Reach(absl::Time time) {
  if (paced_) now_ = std::max(now_, time);
}

}  // namespace edgetp
