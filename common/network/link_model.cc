#include "common/network/link_model.h"

#include <algorithm>
#include <utility>

namespace edgetp {
namespace {

absl::Duration TimeOnWire(int64_t bytes, double rate_bits_per_second) {
  if (rate_bits_per_second == 0) return absl::ZeroDuration();
  return absl::Seconds(8.0 * static_cast<double>(bytes) / rate_bits_per_second);
}

// When `bytes` that begin at `start` are through what has a rate and, from its first use on, a trace.
absl::Time EndOf(absl::Time start, int64_t bytes, double rate_bits_per_second,
                 const MahimahiTrace* trace, std::optional<absl::Time>* trace_begin) {
  const absl::Time end = start + TimeOnWire(bytes, rate_bits_per_second);
  if (trace == nullptr) return end;
  if (!trace_begin->has_value()) *trace_begin = start;
  return std::max(end, **trace_begin + trace->Finish(start - **trace_begin, bytes));
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
      egress_(world_size),
      ingress_(world_size) {
  TakeInterfaces();
}

void LinkModel::SetNetwork(NetworkOptions network) {
  // Numbers mean other trunks then.
  if (network.trunks != network_.trunks) trunks_.Clear();
  network_ = std::move(network);
  for (auto& links : links_) {
    for (auto& [destination, state] : links) state.trace_begin.reset();
  }
  TakeInterfaces();
}

void LinkModel::TakeInterfaces() {
  const auto world_size = static_cast<int>(links_.size());
  const std::vector<InterfaceOptions> egress = network_.EgressInterfaces(world_size);
  const std::vector<InterfaceOptions> ingress = network_.IngressInterfaces(world_size);
  for (int rank = 0; rank < world_size; ++rank) {
    egress_[rank].options = egress[rank];
    egress_[rank].trace_begin.reset();
    ingress_[rank].options = ingress[rank];
  }
}

LinkModel::LinkState& LinkModel::State(int source, int destination) {
  return links_[source][destination];
}

absl::Duration LinkModel::HopJitter(const HopOptions& hop, const MessageKey& key, int number) {
  double uniform = JitterUniform(key, number);
  if (hop.correlation > 0) {
    std::optional<double>& before = State(key.source, key.destination).correlated[number];
    if (before) uniform = (1 - hop.correlation) * uniform + hop.correlation * *before;
    before = uniform;
  }
  return JitterAt(hop, uniform);
}

Impairment LinkModel::Draw(int source, int destination, uint64_t message, int64_t bytes) {
  const LinkOptions& link = network_.Link(source, destination);
  if (!link.Random()) return {};
  const MessageKey key{seed_, source, destination, message};
  absl::Duration jitter = HopJitter(link, key, 0);
  if (link.second_hop != nullptr) jitter += HopJitter(*link.second_hop, key, 1);
  return {jitter, RetransmissionDelay(link, key, bytes)};
}

double LinkModel::LinkRate(int source, int destination, const LinkOptions& link) const {
  if (!network_.interface_sharing) return link.rate_bits_per_second;
  const double rate =
      LowerRate(link.rate_bits_per_second, egress_[source].options.rate_bits_per_second);
  // At the rate of the receiver's interface, it is that which takes the time, and queues.
  const double ingress = link.ingress_rate_bits_per_second;
  const double interface = ingress_[destination].options.rate_bits_per_second;
  return ingress > 0 && (interface == 0 || ingress < interface) ? LowerRate(rate, ingress) : rate;
}

absl::Duration LinkModel::Airtime(int source, int destination, int64_t bytes) const {
  const LinkOptions& link = network_.Link(source, destination);
  return TimeOnWire(link.OnWire(bytes), LinkRate(source, destination, link));
}

std::vector<TrunkPassage> LinkModel::PassagesOf(int source, int destination, int64_t bytes) const {
  const LinkOptions& link = network_.Link(source, destination);
  std::vector<TrunkPassage> passages;
  for (const TrunkUse& use : link.trunks) {
    passages.push_back(
        {use.trunk, use.offset, TimeOnWire(link.OnWire(bytes), use.rate_bits_per_second)});
  }
  return passages;
}

LinkModel::Egress LinkModel::Leave(absl::Time handover, int source, int destination, int64_t bytes,
                                   std::optional<absl::Time> granted_start) {
  const LinkOptions& link = network_.Link(source, destination);
  const int64_t on_wire = link.OnWire(bytes);
  LinkState& state = State(source, destination);
  const double rate = LinkRate(source, destination, link);
  const bool sharing = network_.interface_sharing;
  InterfaceState& interface = egress_[source];

  absl::Time passed_on = sharing ? std::max(handover, interface.free) : handover;
  absl::Time start = std::max(passed_on, state.egress_free);
  if (granted_start) {
    start = std::max(start, *granted_start);
    medium_.Occupy(start, TimeOnWire(on_wire, rate));
  } else if (network_.shared_medium) {
    start = medium_.Grant(start, TimeOnWire(on_wire, rate));
  }
  // Who waits for the air has not sent yet.
  if (network_.shared_medium) passed_on = start;
  absl::Time end = start;
  if (sharing) {
    interface.free = EndOf(passed_on, on_wire, interface.options.rate_bits_per_second,
                           interface.options.trace.get(), &interface.trace_begin);
    end = std::max(end, interface.free);
  }
  // A trace that the interface follows is not met a second time.
  const bool followed = sharing && link.trace != nullptr && link.trace == interface.options.trace;
  if (!followed)
    end = std::max(end, EndOf(start, on_wire, rate, link.trace.get(), &state.trace_begin));
  if (link.window_bytes > 0)
    end = std::max(end, start + TimeOnWire(bytes, network_.WindowRate(source, destination)));
  state.egress_free = end;
  if (!sharing) interface.free = std::max(interface.free, end);
  return {handover, start, end};
}

Departure LinkModel::Depart(absl::Time handover, int source, int destination, int64_t bytes,
                            const Impairment& impairment, std::optional<absl::Time> granted_start) {
  if (!network_.Connected(source, destination)) return NeverArrives(handover);
  const Egress egress = Leave(handover, source, destination, bytes, granted_start);
  absl::Duration waited;
  if (!network_.Link(source, destination).trunks.empty()) {
    waited = trunks_.Pass(egress.start, egress.end - egress.start,
                          PassagesOf(source, destination, bytes));
  }
  return Fly(egress, source, destination, bytes, impairment, waited);
}

Departure LinkModel::Fly(const Egress& egress, int source, int destination, int64_t bytes,
                         const Impairment& impairment, absl::Duration trunk_wait) {
  const LinkOptions& link = network_.Link(source, destination);
  LinkState& state = State(source, destination);
  Departure departure;
  departure.handover = egress.handover;
  departure.egress_start = egress.start + trunk_wait;
  departure.egress_end = egress.end + trunk_wait;
  const absl::Duration delay = link.PathDelay();
  const absl::Duration flight = delay + impairment.jitter + impairment.retransmission;
  departure.first_bit = std::max(departure.egress_start + flight, state.last_bit);
  departure.last_bit = std::max(departure.egress_end + flight, state.last_bit);
  departure.jitter = departure.first_bit - departure.egress_start - delay;
  const double own = link.ingress_rate_bits_per_second;
  departure.ingress =
      TimeOnWire(link.OnWire(bytes), network_.interface_sharing
                                         ? ingress_[destination].options.rate_bits_per_second
                                     : own > 0 ? own
                                               : link.rate_bits_per_second);
  state.last_bit = departure.last_bit;
  busy_until_ = std::max(busy_until_, departure.last_bit);
  return departure;
}

absl::Time LinkModel::Arrive(int source, int destination, const Departure& departure) {
  if (departure.last_bit == absl::InfiniteFuture()) return absl::InfiniteFuture();
  absl::Time& ingress_free = network_.interface_sharing ? ingress_[destination].free
                                                        : State(source, destination).ingress_free;
  // The interface is busy for as long as the bytes need at its own rate: a slow link alone does not
  // fill a fast one.
  ingress_free = std::max(departure.first_bit, ingress_free) + departure.ingress;
  busy_until_ = std::max(busy_until_, ingress_free);
  return std::max(departure.last_bit, ingress_free);
}

}  // namespace edgetp
