#include "worker/transport/holding_transport.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "worker/transport/peer_clock.h"
#include "worker/transport/sharp_timers.h"

namespace edgetp {
namespace {

// gRPC's queue wakes with a granularity of about 1 ms: closer to a due time than this, only
// clock_nanosleep will do.
constexpr absl::Duration kQueueGranularity = absl::Milliseconds(2);
// How long one sleeps at a time so close to a due time: what arrives meanwhile is seen that late.
constexpr absl::Duration kNap = absl::Microseconds(50);
// How often the keeper looks at the streams while this rank does not: for the windows of flow
// control, and for the times of arrival. A look takes some microseconds of a core.
constexpr absl::Duration kKeeperInterval = absl::Milliseconds(1);
// The same while a write is under way, which may need the streams to be polled.
constexpr absl::Duration kKeeperBusyInterval = absl::Microseconds(200);
// How long the destructor waits for the kernel to take what is due.
constexpr absl::Duration kLingerGrace = absl::Milliseconds(250);

absl::Time DueTime(const SegmentHeader& header) {
  return absl::FromUnixNanos(header.times.last_bit_ns);  // not stamped: always in the past
}

// To the receiver's clock. The segment was let go `overshoot` after its last_bit: it arrives then
// on the receiver's clock.
void Translate(absl::Time arrived, SegmentTimes* times) {
  if (times->last_bit_ns == 0) return;
  const absl::Time let_go =
      absl::FromUnixNanos(times->last_bit_ns) + absl::Nanoseconds(times->overshoot_ns);
  const absl::Duration shift = arrived - let_go;
  for (int64_t* stamp : {&times->handover_ns, &times->egress_start_ns, &times->first_bit_ns,
                         &times->last_bit_ns, &times->entered_ns}) {
    *stamp = absl::ToUnixNanos(absl::FromUnixNanos(*stamp) + shift);
  }
}

}  // namespace

HoldingTransport::HoldingTransport(std::unique_ptr<SegmentTransport> inner, HoldingOptions options)
    : options_(options), links_(inner->world_size()), inner_(std::move(inner)) {}

HoldingTransport::~HoldingTransport() {
  if (keeper_.joinable()) {
    {
      std::lock_guard<std::mutex> lock(keeper_mutex_);
      stop_ = true;
    }
    keeper_changed_.notify_one();
    keeper_.join();
  }
  Linger();
}

bool HoldingTransport::CanSend(int peer) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return links_[peer].copied_bytes < options_.max_held_bytes;
}

absl::Status HoldingTransport::Send(int peer, const SegmentHeader& header,
                                    absl::Span<const std::byte> payload) {
  std::lock_guard<std::mutex> lock(mutex_);
  RETURN_IF_ERROR(failed_);
  Link& link = links_[peer];
  Outgoing& segment = link.outgoing.emplace_back(Outgoing{header, payload, nullptr});
  if (header.times.last_bit_ns == 0) {
    segment.header.times.entered_ns = 0;  // nothing could translate it
    return failed_ = LetGo(peer);
  }
  segment.copy = std::make_unique_for_overwrite<std::byte[]>(payload.size());
  std::memcpy(segment.copy.get(), payload.data(), payload.size());
  segment.payload = {segment.copy.get(), payload.size()};
  link.copied_bytes += static_cast<int64_t>(payload.size());
  RETURN_IF_ERROR(failed_ = LetGo(peer));
  if (!keeper_.joinable()) StartKeeper();
  WakeKeeperAt(NextDue());
  return absl::OkStatus();
}

// Up to the first payload of the caller that may still be read.
uint64_t HoldingTransport::Released(int peer) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const Link& link = links_[peer];
  const uint64_t released_below = inner_->Released(peer);
  for (size_t i = 0; i < link.outgoing.size(); ++i) {
    const uint64_t number = link.gone + i;
    if (number >= released_below && link.outgoing[i].copy == nullptr) return number;
  }
  return link.gone + link.outgoing.size();
}

const ReceivedSegment* HoldingTransport::Queued(int peer, size_t index) const {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto& received = links_[peer].received;
  return index < received.size() ? &received[index] : nullptr;
}

void HoldingTransport::Pop(int peer) {
  std::lock_guard<std::mutex> lock(mutex_);
  Link& link = links_[peer];
  link.received_bytes -= link.received.front().payload_bytes;
  link.received.pop_front();
}

bool HoldingTransport::Closed(int peer) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return links_[peer].received.empty() && inner_->Closed(peer);
}

absl::Status HoldingTransport::Poll(absl::Time until) {
  std::lock_guard<std::mutex> lock(mutex_);
  const absl::Time due = NextDue();
  const absl::Time now = MonotonicNow();
  if (due - now > kQueueGranularity) return Progress(std::min(until, due - kQueueGranularity));
  if (until > now) SleepUntil(std::min({due, until, now + kNap}));
  return Progress(absl::InfinitePast());
}

absl::Status HoldingTransport::Progress(absl::Time until) {
  if (!failed_.ok()) {
    // Lets the transport below release what the caller is about to free.
    inner_->Poll(absl::InfinitePast()).IgnoreError();
    return failed_;
  }
  failed_ = TryProgress(until);
  const bool under_way =
      std::any_of(links_.begin(), links_.end(), [](const Link& link) { return link.started > 0; });
  const absl::Time next_look = under_way ? MonotonicNow() + kKeeperBusyInterval : NextDue();
  std::lock_guard<std::mutex> lock(keeper_mutex_);
  next_look_ = next_look;
  return failed_;
}

absl::Status HoldingTransport::TryProgress(absl::Time until) {
  const int peers = world_size();
  for (int peer = 0; peer < peers; ++peer) RETURN_IF_ERROR(LetGo(peer));
  RETURN_IF_ERROR(inner_->Poll(until));
  const absl::Time now = MonotonicNow();
  for (int peer = 0; peer < peers; ++peer) {
    if (peer == rank()) continue;
    Take(peer, now);
    RETURN_IF_ERROR(LetGo(peer));
  }
  return absl::OkStatus();
}

// Hands to the transport below what is due.
absl::Status HoldingTransport::LetGo(int peer) {
  Collect(peer);
  Link& link = links_[peer];
  for (; link.started < link.outgoing.size() && inner_->CanSend(peer); ++link.started) {
    Outgoing& next = link.outgoing[link.started];
    if (next.copy != nullptr) {
      const absl::Duration overshoot = MonotonicNow() - DueTime(next.header);
      if (overshoot < absl::ZeroDuration()) break;
      next.header.times.overshoot_ns = absl::ToInt64Nanoseconds(overshoot);
    }
    RETURN_IF_ERROR(inner_->Send(peer, next.header, next.payload));
  }
  return absl::OkStatus();
}

// Forgets what the transport below has released.
void HoldingTransport::Collect(int peer) {
  Link& link = links_[peer];
  for (const uint64_t released = inner_->Released(peer); link.gone < released; ++link.gone) {
    const Outgoing& oldest = link.outgoing.front();
    if (oldest.copy != nullptr) link.copied_bytes -= static_cast<int64_t>(oldest.payload.size());
    link.outgoing.pop_front();
    --link.started;
  }
}

void HoldingTransport::Take(int peer, absl::Time now) {
  Link& link = links_[peer];
  while (link.received_bytes < options_.max_received_bytes) {
    const ReceivedSegment* segment = inner_->Front(peer);
    if (segment == nullptr) return;
    link.received_bytes += segment->payload_bytes;
    Translate(now, &link.received.emplace_back(*segment).header.times);
    inner_->Pop(peer);
  }
}

// Of the segments that could go. The end of the write before one that cannot will wake a Poll.
absl::Time HoldingTransport::NextDue() const {
  absl::Time due = absl::InfiniteFuture();
  for (int peer = 0; peer < world_size(); ++peer) {
    const Link& link = links_[peer];
    if (link.started == link.outgoing.size() || !inner_->CanSend(peer)) continue;
    due = std::min(due, DueTime(link.outgoing[link.started].header));
  }
  return due;
}

// Of all that the transport below has not released; InfinitePast if that is nothing.
absl::Time HoldingTransport::LastDue() const {
  absl::Time due = absl::InfinitePast();
  for (const Link& link : links_) {
    if (!link.outgoing.empty()) due = std::max(due, DueTime(link.outgoing.back().header));
  }
  return due;
}

void HoldingTransport::Linger() {
  const absl::Time begin = MonotonicNow();
  const absl::Time until =
      std::min(begin + options_.linger, std::max(begin, LastDue()) + kLingerGrace);
  while (LastDue() != absl::InfinitePast() && MonotonicNow() < until) {
    if (!Poll(until).ok()) return;
  }
}

void HoldingTransport::StartKeeper() {
  keeper_ = std::thread([this] { Keep(); });
}

// Never in the way of the caller's thread: looks only while that one makes no progress itself, and
// never blocks with the mutex held.
void HoldingTransport::Keep() {
  SharpenTimers();
  do {
    if (std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock); lock.owns_lock()) {
      if (!Progress(absl::InfinitePast()).ok()) return;  // the caller will hear of it
    }
  } while (KeeperSleeps());
}

// Blocks until: the next segment is due, or it is time to look again (true); false at the end.
bool HoldingTransport::KeeperSleeps() {
  const absl::Time now = MonotonicNow();
  std::unique_lock<std::mutex> lock(keeper_mutex_);
  // In the past: the caller's thread is just now busy with it.
  keeper_alarm_ =
      next_look_ > now ? std::min(next_look_, now + kKeeperInterval) : now + kKeeperBusyInterval;
  while (!stop_ && MonotonicNow() < keeper_alarm_)
    keeper_changed_.wait_until(lock, ToSteady(keeper_alarm_));
  return !stop_;
}

void HoldingTransport::WakeKeeperAt(absl::Time time) {
  std::lock_guard<std::mutex> lock(keeper_mutex_);
  next_look_ = time;
  if (time >= keeper_alarm_) return;
  keeper_alarm_ = time;
  keeper_changed_.notify_one();
}

}  // namespace edgetp
