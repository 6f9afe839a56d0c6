#include "worker/collective/emulation.h"

#include <numeric>
#include <utility>

#include "common/base/status_macros.h"

namespace edgetp {
namespace {

// The inverse of ToDeparture.
SegmentTimes ToTimes(const Departure& departure) {
  SegmentTimes times;
  times.handover_ns = absl::ToUnixNanos(departure.handover);
  times.egress_start_ns = absl::ToUnixNanos(departure.egress_start);
  times.first_bit_ns = absl::ToUnixNanos(departure.first_bit);
  times.last_bit_ns = absl::ToUnixNanos(departure.last_bit);
  times.jitter_ns = absl::ToInt64Nanoseconds(departure.jitter);
  times.ingress_ns = absl::ToInt64Nanoseconds(departure.ingress);
  return times;
}

}  // namespace

absl::StatusOr<absl::Duration> MediumReservation::Pass(absl::Time, absl::Duration,
                                                       absl::Span<const TrunkPassage>) {
  return absl::UnimplementedError("reserve medium: this arbiter knows no trunks");
}

Departure ToDeparture(const SegmentTimes& times) {
  Departure departure;
  departure.handover = absl::FromUnixNanos(times.handover_ns);
  departure.egress_start = absl::FromUnixNanos(times.egress_start_ns);
  departure.first_bit = absl::FromUnixNanos(times.first_bit_ns);
  departure.last_bit = absl::FromUnixNanos(times.last_bit_ns);
  departure.jitter = absl::Nanoseconds(times.jitter_ns);
  departure.ingress = absl::Nanoseconds(times.ingress_ns);
  return departure;
}

EmulatedNetwork::EmulatedNetwork(int rank, int world_size, NetworkOptions network, uint64_t seed,
                                 MediumReservation* medium)
    : rank_(rank),
      model_(world_size, network, seed),
      medium_(medium),
      messages_(world_size, 0),
      active_(!network.Unlimited()) {}

void EmulatedNetwork::SetNetwork(NetworkOptions network) {
  std::lock_guard<std::mutex> lock(mutex_);
  update_ = std::move(network);
  has_update_.store(true, std::memory_order_release);
}

std::optional<NetworkOptions> EmulatedNetwork::NextState() {
  if (!has_update_.load(std::memory_order_acquire)) return std::nullopt;
  std::lock_guard<std::mutex> lock(mutex_);
  has_update_.store(false, std::memory_order_release);
  return std::exchange(update_, std::nullopt);
}

void EmulatedNetwork::TakeUpdate() {
  std::optional<NetworkOptions> next = NextState();
  if (!next.has_value()) return;
  model_.SetNetwork(*std::move(next));
  active_ = !model_.network().Unlimited();
}

bool EmulatedNetwork::active() {
  TakeUpdate();
  return active_;
}

bool EmulatedNetwork::Connected(int peer) {
  TakeUpdate();
  return model_.network().Connected(rank_, peer);
}

double EmulatedNetwork::RateTo(int peer) {
  TakeUpdate();
  return model_.network().PayloadRate(rank_, peer);
}

absl::StatusOr<std::optional<std::vector<SegmentTimes>>> EmulatedNetwork::Stamp(
    const OutgoingMessage& message) {
  TakeUpdate();
  const auto& [peer, handover, segment_bytes, always] = message;
  if (!model_.network().Connected(rank_, peer)) return std::nullopt;
  if (!active_ && !always) return std::vector<SegmentTimes>(segment_bytes.size());
  const int64_t bytes = std::accumulate(segment_bytes.begin(), segment_bytes.end(), int64_t{0});
  const Impairment impairment = model_.Draw(rank_, peer, messages_[peer]++, bytes);
  std::optional<absl::Time> granted;
  if (medium_ != nullptr && model_.network().shared_medium) {
    // One reservation for the whole message: its segments follow one another on the air.
    ASSIGN_OR_RETURN(granted, medium_->Reserve(handover, model_.Airtime(rank_, peer, bytes)));
  }
  std::vector<SegmentTimes> result;
  for (const int64_t size : segment_bytes) {
    ASSIGN_OR_RETURN(const Departure d, Depart(message, size, impairment, granted));
    if (granted.has_value()) *granted += model_.Airtime(rank_, peer, size);
    result.push_back(ToTimes(d));
  }
  return result;
}

absl::StatusOr<Departure> EmulatedNetwork::Depart(const OutgoingMessage& message, int64_t bytes,
                                                  const Impairment& impairment,
                                                  std::optional<absl::Time> granted) {
  const int peer = message.peer;
  const std::vector<TrunkPassage> passages = model_.PassagesOf(rank_, peer, bytes);
  if (medium_ == nullptr || passages.empty())
    return model_.Depart(message.handover, rank_, peer, bytes, impairment, granted);
  const LinkModel::Egress egress = model_.Leave(message.handover, rank_, peer, bytes);
  ASSIGN_OR_RETURN(const absl::Duration waits,
                   medium_->Pass(egress.start, egress.end - egress.start, passages));
  return model_.Fly(egress, rank_, peer, bytes, impairment, waits);
}

absl::Time EmulatedNetwork::Arrive(int source, const SegmentTimes& times) {
  return model_.Arrive(source, rank_, ToDeparture(times));
}

}  // namespace edgetp
