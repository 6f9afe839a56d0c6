#include "common/network/link_model.h"

#include <algorithm>
#include <utility>

#include "common/network/impairment.h"

namespace edgetp {
namespace {

absl::Duration TimeOnWire(int64_t bytes, double rate_bits_per_second) {
  if (rate_bits_per_second == 0) return absl::ZeroDuration();
  return absl::Seconds(8.0 * static_cast<double>(bytes) / rate_bits_per_second);
}

Departure NeverArrives(absl::Time handover) {
  return {handover,
          handover,
          absl::InfiniteFuture(),
          absl::InfiniteFuture(),
          absl::ZeroDuration(),
          absl::ZeroDuration(),
          handover};
}

}  // namespace

LinkModel::LinkModel(int world_size, NetworkOptions network, uint64_t seed)
    : network_(std::move(network)),
      seed_(seed),
      links_(world_size),
      egress_free_(world_size, absl::InfinitePast()),
      ingress_free_(world_size, absl::InfinitePast()) {}

void LinkModel::SetNetwork(NetworkOptions network) {
  network_ = std::move(network);
  for (auto& links : links_) {
    for (auto& [destination, state] : links) state.trace_begin.reset();
  }
}

LinkModel::LinkState& LinkModel::State(int source, int destination) {
  return links_[source][destination];
}

Impairment LinkModel::Draw(int source, int destination, uint64_t message, int64_t bytes) {
  const LinkOptions& link = network_.Link(source, destination);
  if (!link.Random()) return {};
  const MessageKey key{seed_, source, destination, message};
  double uniform = JitterUniform(key);
  if (link.correlation > 0) {
    std::optional<double>& before = State(source, destination).correlated;
    if (before) uniform = (1 - link.correlation) * uniform + link.correlation * *before;
    before = uniform;
  }
  return {JitterAt(link, uniform), RetransmissionDelay(link, key, bytes)};
}

absl::Duration LinkModel::Airtime(int source, int destination, int64_t bytes) const {
  return TimeOnWire(bytes, network_.Link(source, destination).rate_bits_per_second);
}

absl::Time LinkModel::EgressEnd(const LinkOptions& link, absl::Time start, int64_t bytes,
                                LinkState* state) {
  if (link.trace == nullptr) return start + TimeOnWire(bytes, link.rate_bits_per_second);
  if (!state->trace_begin) state->trace_begin = start;
  return *state->trace_begin + link.trace->Finish(start - *state->trace_begin, bytes);
}

Departure LinkModel::Depart(absl::Time handover, int source, int destination, int64_t bytes,
                            const Impairment& impairment, std::optional<absl::Time> granted_start) {
  if (!network_.Connected(source, destination)) return NeverArrives(handover);
  const LinkOptions& link = network_.Link(source, destination);
  LinkState& state = State(source, destination);

  absl::Time start = std::max(handover, state.egress_free);
  if (network_.interface_sharing) start = std::max(start, egress_free_[source]);
  if (granted_start) {
    start = std::max(start, *granted_start);
    medium_.Occupy(start, TimeOnWire(bytes, link.rate_bits_per_second));
  } else if (network_.shared_medium) {
    start = medium_.Grant(start, TimeOnWire(bytes, link.rate_bits_per_second));
  }
  const absl::Time end = EgressEnd(link, start, bytes, &state);
  state.egress_free = end;
  egress_free_[source] = std::max(egress_free_[source], end);

  Departure departure;
  departure.handover = handover;
  departure.egress_start = start;
  departure.egress_end = end;
  const absl::Duration flight = link.delay + impairment.jitter + impairment.retransmission;
  departure.first_bit = std::max(start + flight, state.last_bit);
  departure.last_bit = std::max(end + flight, state.last_bit);
  departure.jitter = departure.first_bit - start - link.delay;
  const double ingress_rate = link.ingress_rate_bits_per_second;
  departure.ingress =
      TimeOnWire(bytes, ingress_rate == 0 ? link.rate_bits_per_second : ingress_rate);
  state.last_bit = departure.last_bit;
  busy_until_ = std::max(busy_until_, departure.last_bit);
  return departure;
}

absl::Time LinkModel::Arrive(int source, int destination, const Departure& departure) {
  if (departure.last_bit == absl::InfiniteFuture()) return absl::InfiniteFuture();
  absl::Time& ingress_free = network_.interface_sharing ? ingress_free_[destination]
                                                        : State(source, destination).ingress_free;
  // The interface is busy for as long as the bytes need at its own rate: a slow link alone does not
  // fill a fast one.
  ingress_free = std::max(departure.first_bit, ingress_free) + departure.ingress;
  busy_until_ = std::max(busy_until_, ingress_free);
  return std::max(departure.last_bit, ingress_free);
}

}  // namespace edgetp
