#include "worker/transport/host_clocks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

// Exchanges of a burst: the first one often finds a peer who does not look at once.
constexpr size_t kBurst = 4;
// How often bursts begin: at first so that the drift is known soon.
constexpr absl::Duration kFirstInterval = absl::Milliseconds(100);
constexpr absl::Duration kInterval = absl::Seconds(1);
constexpr int kFirstBursts = 10;
// How long the next message of a burst is waited for: the round trip of a local network.
constexpr absl::Duration kExpected = absl::Milliseconds(3);

int64_t Nanos(absl::Time time) { return absl::ToUnixNanos(time); }

}  // namespace

HostClocks::HostClocks(SegmentTransport* transport)
    : transport_(transport), peers_(transport->world_size()) {
  for (int rank = 0; rank < transport->world_size(); ++rank)
    peers_[rank].elsewhere = rank != transport->rank() && !transport->SharesClock(rank);
}

absl::Status HostClocks::Progress() {
  for (int rank = 0; rank < static_cast<int>(peers_.size()); ++rank) {
    if (!peers_[rank].elsewhere) continue;
    RETURN_IF_ERROR(Take(rank));
    RETURN_IF_ERROR(Answer(rank));
    RETURN_IF_ERROR(Ask(rank));
  }
  return absl::OkStatus();
}

absl::Status HostClocks::Take(int rank) {
  while (const std::optional<ReceivedProbe> probe = transport_->TakeProbe(rank)) {
    if (probe->probe.answered_ns != 0) {
      RETURN_IF_ERROR(TakeAnswer(rank, *probe));
    } else {
      peers_[rank].question = probe;
    }
  }
  return absl::OkStatus();
}

absl::Status HostClocks::TakeAnswer(int rank, const ReceivedProbe& answer) {
  Peer& peer = peers_[rank];
  const ClockProbe& probe = answer.probe;
  if (!peer.asked.has_value() || probe.sent_ns != Nanos(*peer.asked)) return absl::OkStatus();
  peer.burst.push_back({*std::exchange(peer.asked, std::nullopt),
                        absl::FromUnixNanos(probe.received_ns),
                        absl::FromUnixNanos(probe.answered_ns), answer.arrived});
  if (peer.burst.size() < kBurst) return absl::OkStatus();
  const absl::Status added = peer.estimator.Add(std::exchange(peer.burst, {}));
  if (!added.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("clocks of rank ", transport_->rank(), " and rank ", rank,
                     ", on two hosts: ", std::string(added.message())));
  }
  peer.next_burst = answer.arrived + (++peer.bursts < kFirstBursts ? kFirstInterval : kInterval);
  return absl::OkStatus();
}

absl::Status HostClocks::Answer(int rank) {
  Peer& peer = peers_[rank];
  if (!peer.question.has_value() || !transport_->CanSend(rank)) return absl::OkStatus();
  const ReceivedProbe question = *std::exchange(peer.question, std::nullopt);
  const absl::Time now = MonotonicNow();
  expects_until_ = now + kExpected;
  return transport_->SendProbe(rank, {question.probe.sent_ns, Nanos(question.arrived), Nanos(now)});
}

absl::Status HostClocks::Ask(int rank) {
  Peer& peer = peers_[rank];
  const absl::Time now = MonotonicNow();
  const bool due = !peer.burst.empty() || now >= peer.next_burst;
  if (!due || peer.asked.has_value() || !transport_->CanSend(rank)) return absl::OkStatus();
  peer.asked = now;
  expects_until_ = now + kExpected;
  return transport_->SendProbe(rank, {Nanos(now), 0, 0});
}

absl::Time HostClocks::NextQuestion() const {
  absl::Time next = absl::InfiniteFuture();
  for (const Peer& peer : peers_) {
    if (peer.elsewhere && !peer.asked.has_value() && peer.burst.empty())
      next = std::min(next, peer.next_burst);
  }
  return next;
}

absl::Duration HostClocks::BoundTo(int rank, absl::Time now) const {
  const Peer& peer = peers_[rank];
  if (!peer.elsewhere) return absl::ZeroDuration();
  return peer.estimator.known() ? peer.estimator.BoundAt(now) : absl::InfiniteDuration();
}

void HostClocks::Translate(int rank, absl::Time arrived, SegmentTimes* times) const {
  const Peer& peer = peers_[rank];
  if (!peer.elsewhere) return;
  absl::Duration shift;
  if (peer.estimator.known()) {
    shift = -peer.estimator.OffsetAt(arrived);
    times->clock_bound_ns = absl::ToInt64Nanoseconds(peer.estimator.BoundAt(arrived));
  } else {
    const int64_t sent_ns =
        times->sent_ns != 0 ? times->sent_ns : times->last_bit_ns + times->overshoot_ns;
    shift = arrived - absl::FromUnixNanos(sent_ns);
    if (times->last_bit_ns == 0) times->entered_ns = 0;
  }
  for (int64_t* stamp : {&times->handover_ns, &times->egress_start_ns, &times->first_bit_ns,
                         &times->last_bit_ns, &times->entered_ns, &times->sent_ns}) {
    if (*stamp != 0) *stamp = Nanos(absl::FromUnixNanos(*stamp) + shift);
  }
}

}  // namespace edgetp
