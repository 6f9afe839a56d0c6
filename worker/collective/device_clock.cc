#include "worker/collective/device_clock.h"

#include <algorithm>

namespace edgetp {
namespace {

// Drawing batches and reporting take less than this.
constexpr absl::Duration kBookkeeping = absl::Milliseconds(20);

}  // namespace

absl::Time DeviceClock::BeginStep(std::vector<absl::Duration> segments) {
  const absl::Time host = MonotonicNow();
  const std::optional<absl::Time> before = std::exchange(paced_end_, std::nullopt);
  paced_ = device_.has_value() && !segments.empty();
  segments_ = std::move(segments);
  next_segment_ = 0;
  behind_ = absl::ZeroDuration();
  if (!paced_) return host;
  if (before.has_value() && host - now_ < kBookkeeping) return *before;
  now_ = host;
  return host;
}

void DeviceClock::BeginSegment() {
  if (paced_) behind_ = std::max(absl::ZeroDuration(), MonotonicNow() - now_);
}

HostLag DeviceClock::EndSegment() {
  if (!paced_) return {};
  // More collectives than planned: the audit is about to say so.
  if (next_segment_ < segments_.size()) now_ += segments_[next_segment_++];
  const absl::Duration lag = MonotonicNow() - now_;
  if (lag <= absl::ZeroDuration()) {
    SleepUntil(now_);
    return {};
  }
  now_ += lag;
  const absl::Duration late = std::min(behind_, lag);
  return {late, lag - late};
}

absl::Time DeviceClock::EndStep() {
  const absl::Time host = MonotonicNow();
  if (std::exchange(paced_, false)) paced_end_ = host;
  return host;
}

void DeviceClock::SpendSending(int64_t bytes, double link_bits_per_second) {
  if (paced_) now_ += SendingTime(*device_, bytes, link_bits_per_second);
}

void DeviceClock::SpendReceiving() {
  if (paced_) now_ += device_->message_overhead;
}

void DeviceClock::SpendCodec(const WireFormat& wire, int64_t elements) {
  if (paced_) now_ += CodecTime(*device_, wire, elements);
}

void DeviceClock::SpendRotation(const WireFormat& wire, int64_t elements) {
  if (paced_) now_ += RotationTime(*device_, wire, elements);
}

absl::Duration DeviceClock::SpendStaging(int64_t elements) {
  if (!paced_) return absl::ZeroDuration();
  const absl::Duration staging = StagingTime(*device_, elements);
  now_ += staging;
  return staging;
}

void DeviceClock::Reach(absl::Time time) {
  if (paced_) now_ = std::max(now_, time);
}

}  // namespace edgetp
