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
  behind_ = overrun_ = absl::ZeroDuration();
  if (!paced_) return host;
  if (before.has_value() && host - now_ < kBookkeeping) return *before;
  now_ = host;
  return host;
}

void DeviceClock::BeginSegment() {
  if (paced_) behind_ = std::max(absl::ZeroDuration(), MonotonicNow() - now_ - overrun_);
}

absl::Duration DeviceClock::AwaitDevice() {
  // More collectives than planned: the audit is about to say so.
  if (next_segment_ < segments_.size()) now_ += segments_[next_segment_++];
  const absl::Duration lag = MonotonicNow() - now_;
  if (lag > absl::ZeroDuration()) return lag;
  SleepUntil(now_);
  return absl::ZeroDuration();
}

HostLag DeviceClock::EndSegment() {
  if (!paced_) return {};
  const absl::Duration lag = AwaitDevice();
  now_ += lag;
  overrun_ = absl::ZeroDuration();
  const absl::Duration late = std::min(behind_, lag);
  return {late, lag - late};
}

void DeviceClock::PassSegment() {
  if (!paced_) return;
  const absl::Duration lag = AwaitDevice();
  overrun_ = lag - std::min(behind_, lag);
}

absl::Time DeviceClock::EndStep() {
  const absl::Time host = MonotonicNow();
  if (std::exchange(paced_, false)) paced_end_ = host;
  return host;
}

}  // namespace edgetp
