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

// How long the keeper waits for an answer at a time, with the streams: so long a caller may wait for
// it, in the milliseconds of a burst of questions.
constexpr absl::Duration kListen = absl::Microseconds(200);

}  // namespace

HoldingTransport::HoldingTransport(std::unique_ptr<SegmentTransport> inner, HoldingOptions options)
    : options_(options),
      links_(inner->world_size()),
      inner_(std::move(inner)),
      clocks_(inner_.get()),
      keeper_([this] { Keep(); }) {}

HoldingTransport::~HoldingTransport() {
  {
    std::lock_guard<std::mutex> lock(keeper_mutex_);
    stop_ = true;
  }
  keeper_changed_.notify_one();
  keeper_.join();
  Linger();
}

// The keeper steps back before who wants to go on.
std::unique_lock<std::mutex> HoldingTransport::Lock() const {
  callers_.fetch_add(1, std::memory_order_relaxed);
  std::unique_lock<std::mutex> lock(mutex_);
  callers_.fetch_sub(1, std::memory_order_relaxed);
  return lock;
}

// A clock's error may be a share of what the link takes; what waits for nothing is not held.
absl::Time HoldingTransport::DueTime(int peer, const SegmentTimes& times) const {
  const absl::Duration link = absl::Nanoseconds(times.last_bit_ns - times.egress_start_ns);
  if (clocks_.BoundTo(peer, MonotonicNow()) <= kMaxBoundShare * link) return absl::InfinitePast();
  return absl::FromUnixNanos(times.last_bit_ns);
}

bool HoldingTransport::CanSend(int peer) const {
  const auto lock = Lock();
  return links_[peer].copied_bytes < options_.max_held_bytes;
}

absl::Status HoldingTransport::Send(int peer, const SegmentHeader& header,
                                    absl::Span<const std::byte> payload) {
  const auto lock = Lock();
  RETURN_IF_ERROR(failed_);
  Link& link = links_[peer];
  const bool to_other_host = !inner_->SharesClock(peer);
  const bool stamped = header.times.last_bit_ns != 0;
  Outgoing& segment =
      link.outgoing.emplace_back(Outgoing{header, payload, nullptr, absl::InfinitePast()});
  if (to_other_host) segment.header.times.sent_ns = absl::ToUnixNanos(MonotonicNow());
  if (to_other_host && stamped) {
    segment.due = DueTime(peer, header.times);
    segment.copy = std::make_unique_for_overwrite<std::byte[]>(payload.size());
    std::memcpy(segment.copy.get(), payload.data(), payload.size());
    segment.payload = {segment.copy.get(), payload.size()};
    link.copied_bytes += static_cast<int64_t>(payload.size());
  }
  RETURN_IF_ERROR(failed_ = LetGo(peer));
  WakeKeeperAt(NextDue());
  return absl::OkStatus();
}

// Up to the first payload of the caller that may still be read.
uint64_t HoldingTransport::Released(int peer) const {
  const auto lock = Lock();
  const Link& link = links_[peer];
  const uint64_t released_below = inner_->Released(peer);
  for (size_t i = 0; i < link.outgoing.size(); ++i) {
    const uint64_t number = link.gone + i;
    if (number >= released_below && link.outgoing[i].copy == nullptr) return number;
  }
  return link.gone + link.outgoing.size();
}

const ReceivedSegment* HoldingTransport::Queued(int peer, size_t index) const {
  const auto lock = Lock();
  const auto& received = links_[peer].received;
  return index < received.size() ? &received[index] : nullptr;
}

void HoldingTransport::Pop(int peer) {
  const auto lock = Lock();
  Link& link = links_[peer];
  link.received_bytes -= link.received.front().payload_bytes;
  link.received.pop_front();
}

bool HoldingTransport::Closed(int peer) const {
  const auto lock = Lock();
  return links_[peer].received.empty() && inner_->Closed(peer);
}

absl::Status HoldingTransport::Poll(absl::Time until) {
  const auto lock = Lock();
  const absl::Time due = NextDue();
  const absl::Time now = MonotonicNow();
  if (due - now > kQueueGranularity) {
    // A question that is due may have to wait for a write: that is no reason to spin.
    const absl::Time question = std::max(clocks_.NextQuestion(), now + kKeeperInterval);
    return Progress(std::min({until, due - kQueueGranularity, question}));
  }
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
  RETURN_IF_ERROR(clocks_.Progress());
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
    if (next.due != absl::InfinitePast()) {
      const absl::Time now = MonotonicNow();
      if (now <= next.due) break;
      next.header.times.overshoot_ns = absl::ToInt64Nanoseconds(now - next.due);
      next.header.times.sent_ns = absl::ToUnixNanos(now);
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
    clocks_.Translate(peer, now, &link.received.emplace_back(*segment).header.times);
    inner_->Pop(peer);
  }
}

// Of the segments that could go. The end of the write before one that cannot will wake a Poll.
absl::Time HoldingTransport::NextDue() const {
  absl::Time due = absl::InfiniteFuture();
  for (int peer = 0; peer < world_size(); ++peer) {
    const Link& link = links_[peer];
    if (link.started == link.outgoing.size() || !inner_->CanSend(peer)) continue;
    due = std::min(due, link.outgoing[link.started].due);
  }
  return due;
}

// When the last of what the transport below has not released is wanted; InfinitePast if that is
// nothing. What is not stamped is wanted at once.
absl::Time HoldingTransport::LastDue() const {
  absl::Time due = absl::InfinitePast();
  for (const Link& link : links_) {
    if (link.outgoing.empty()) continue;
    due = std::max(due, absl::FromUnixNanos(link.outgoing.back().header.times.last_bit_ns));
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

void HoldingTransport::Keep() {
  SharpenTimers();
  do {
    while (Look()) {
    }
  } while (KeeperSleeps());
}

// Never in the way of the caller's thread: only while that one makes no progress itself, and
// blocking with the mutex held only where an answer is on its way. True: look again at once.
bool HoldingTransport::Look() {
  if (callers_.load(std::memory_order_relaxed) > 0) return false;
  const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  const absl::Time now = MonotonicNow();
  const bool listen = clocks_.ExpectsMore(now) && NextDue() > now + kListen;
  // An error is the caller's to hear of.
  const absl::Status status = Progress(listen ? now + kListen : absl::InfinitePast());
  return status.ok() && clocks_.ExpectsMore(MonotonicNow());
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
