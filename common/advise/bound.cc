#include "common/advise/bound.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "common/network/impairment.h"
#include "common/network/network_profile.h"
#include "common/network/trace_config.h"

namespace edgetp {
namespace {

double SecondsAt(double bytes, double bits_per_second) {
  return bits_per_second == 0 ? 0 : 8 * bytes / bits_per_second;
}

absl::Duration LeastDelay(const LinkOptions& link) {
  absl::Duration delay = link.delay + JitterAt(link, 0);
  if (link.second_hop != nullptr) delay += link.second_hop->delay + JitterAt(*link.second_hop, 0);
  return delay;
}

// The faster of two rates of which 0 is unlimited.
double HigherRate(double rate, double other) {
  return rate == 0 || other == 0 ? 0 : std::max(rate, other);
}

// What the luckiest message meets. Rates of 0 are unlimited.
struct BestLink {
  absl::Duration delay;
  double rate_bits_per_second = 0;
  double interface_bits_per_second = 0;  // of all that a device sends
};

double RateOf(const LinkOptions& link) {
  return link.trace == nullptr ? link.rate_bits_per_second : 0;
}

double InterfaceRate(const NetworkOptions& network, double fastest_link) {
  if (!network.interface_sharing) return 0;
  if (network.uplinks.empty()) {
    const double own = network.interface_rate_bits_per_second;
    return own > 0 ? own : fastest_link;
  }
  double fastest = network.uplinks.front().rate_bits_per_second;
  for (const InterfaceOptions& uplink : network.uplinks)
    fastest = uplink.trace == nullptr ? HigherRate(fastest, uplink.rate_bits_per_second) : 0;
  return fastest;
}

BestLink BestOf(const NetworkOptions& network) {
  BestLink best{LeastDelay(network.link), RateOf(network.link)};
  for (const auto& [pair, link] : network.overrides) {
    best.delay = std::min(best.delay, LeastDelay(link));
    best.rate_bits_per_second = HigherRate(best.rate_bits_per_second, RateOf(link));
  }
  best.interface_bits_per_second = InterfaceRate(network, best.rate_bits_per_second);
  return best;
}

// What one rank sends to `receivers` others, as much to each.
absl::Duration SendingFloor(const NetworkOptions& network, const BestLink& best, double bytes,
                            int receivers) {
  const double side_by_side = network.shared_medium ? 1 : receivers;
  return absl::Seconds(std::max(SecondsAt(bytes / side_by_side, best.rate_bits_per_second),
                                SecondsAt(bytes, best.interface_bits_per_second)));
}

// Chunks begin at multiples of a granule, so a rank's own may be that much smaller or larger.
double RoundingBytes(const CollectiveStep& step, int world_size) {
  return static_cast<double>(world_size) * step.wire.WireBytes(step.wire.granule());
}

bool SameExchanges(const std::vector<CollectiveStep>& left,
                   const std::vector<CollectiveStep>& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const CollectiveStep& a, const CollectiveStep& b) {
                      return a.kind == b.kind && a.elements == b.elements && a.wire == b.wire &&
                             a.part == b.part;
                    });
}

// All ranks take part in every sum, in the same order.
bool InStep(const std::vector<std::vector<CollectiveStep>>& lists) {
  return std::all_of(lists.begin(), lists.end(), [&](const auto& list) {
    return SameExchanges(list, lists.front()) &&
           std::all_of(list.begin(), list.end(), [](const CollectiveStep& step) {
             return step.kind == CollectiveKind::kAllReduce && step.group.empty();
           });
  });
}

absl::Duration Sum(const std::vector<absl::Duration>& segments) {
  return std::accumulate(segments.begin(), segments.end(), absl::ZeroDuration());
}

// Of each compute segment, the shortest of all ranks, one after another.
absl::Duration LeastCompute(const ComputeTable& compute) {
  absl::Duration sum;
  for (size_t segment = 0; segment < compute.front().size(); ++segment) {
    absl::Duration least = absl::InfiniteDuration();
    for (const auto& of_rank : compute) least = std::min(least, of_rank[segment]);
    sum += least;
  }
  return sum;
}

// Sums that all ranks have.
absl::Duration SumsFloor(const std::vector<CollectiveStep>& list, const ComputeTable& compute,
                         const NetworkOptions& network) {
  absl::Duration links;
  absl::Duration waited;
  for (const CollectiveStep& step : list) {
    if (step.part == CollectivePart::kWait) continue;
    const absl::Duration floor = AllReduceFloor(network, static_cast<int>(compute.size()), step);
    links += floor;
    if (step.part == CollectivePart::kBoth) waited += floor;
  }
  return std::max(links, waited + LeastCompute(compute));
}

// Who joins a sum sends it, or, as the owner of some elements, those to everybody else.
double LeastBytesSent(const CollectiveStep& step, int rank, int world_size) {
  const auto bytes = static_cast<double>(step.wire_bytes());
  if (step.kind == CollectiveKind::kSend) return step.group.front() == rank ? bytes : 0;
  if (step.kind != CollectiveKind::kAllReduce) return 0;
  return std::max(0.0, bytes - RoundingBytes(step, world_size));
}

// Over all ranks, each algorithm moves every element to one place and back.
double LeastBytesOfAll(const CollectiveStep& step, int world_size) {
  const int ranks = step.group.empty() ? world_size : static_cast<int>(step.group.size());
  const auto bytes = static_cast<double>(step.wire_bytes());
  if (step.kind == CollectiveKind::kSend) return bytes;
  if (step.kind != CollectiveKind::kAllReduce) return 0;
  return std::max(0.0, 2.0 * (ranks - 1) * bytes - RoundingBytes(step, ranks));
}

absl::Duration BytesFloor(const StepPlan& plan,
                          const std::vector<std::vector<CollectiveStep>>& lists,
                          const NetworkOptions& network) {
  const BestLink best = BestOf(network);
  double most = 0;
  for (int rank = 0; rank < plan.world_size; ++rank) {
    double bytes = 0;
    for (const CollectiveStep& step : lists[rank]) {
      if (step.part != CollectivePart::kWait) bytes += LeastBytesSent(step, rank, plan.world_size);
    }
    most = std::max(most, bytes);
  }
  const absl::Duration own = SendingFloor(network, best, most, plan.world_size - 1);
  if (!network.shared_medium) return own;
  double all = 0;
  ForEachCollective(
      plan, [&](const CollectiveStep& step) { all += LeastBytesOfAll(step, plan.world_size); });
  return std::max(own, SendingFloor(network, best, all, 1));
}

// As it is, but for what is random.
bool MakeCalm(v1::LinkConfig* link) {
  const LinkOptions options = ToLinkOptions(*link, nullptr);
  if (!options.HasJitter() && options.loss == 0) return false;
  link->set_delay_us(absl::ToDoubleMicroseconds(options.delay + JitterAt(options, 0)));
  link->clear_jitter_us();
  link->clear_distribution();
  link->clear_quantiles();
  link->clear_correlation();
  link->clear_loss();
  return true;
}

}  // namespace

absl::Duration AllReduceFloor(const NetworkOptions& network, int world_size,
                              const CollectiveStep& step) {
  if (world_size == 1) return absl::ZeroDuration();
  const BestLink best = BestOf(network);
  const double P = world_size;
  const auto bytes = static_cast<double>(step.wire_bytes());
  const double chunks = std::max(0.0, (P - 1) / P * bytes - RoundingBytes(step, world_size));
  const auto on_wire = [&](double amount) {
    return SendingFloor(network, best, amount, world_size - 1);
  };
  const absl::Duration direct = on_wire((P - 1) * bytes) + best.delay;
  // With fewer elements than ranks, the one that has them all needs nobody else.
  const bool everybody_has_some = step.elements >= world_size * step.wire.granule();
  const absl::Duration twice = everybody_has_some ? 2 * best.delay : best.delay;
  const absl::Duration others = std::max(on_wire(2 * chunks) + best.delay, on_wire(chunks) + twice);
  return std::min(direct, others);
}

absl::Duration StepFloor(const StepPlan& plan, const ComputeTable& compute,
                         const NetworkOptions& network) {
  absl::Duration floor;
  for (const auto& of_rank : compute) floor = std::max(floor, Sum(of_rank));
  if (plan.world_size == 1) return floor;
  std::vector<std::vector<CollectiveStep>> lists;
  for (const auto& steps : plan.steps) lists.push_back(CollectiveEntries(steps));
  floor = std::max(floor, BytesFloor(plan, lists, network));
  if (!InStep(lists)) return floor;
  return std::max(floor, SumsFloor(lists.front(), compute, network));
}

std::optional<v1::NetworkProfile> CalmNetwork(const v1::NetworkProfile& network) {
  if (network.overrides_size() > 0 || network.has_topology()) return std::nullopt;
  if (TraceSize(network.link()) > 0) return std::nullopt;
  v1::NetworkProfile calm = network;
  if (!MakeCalm(calm.mutable_link())) return std::nullopt;
  return calm;
}

}  // namespace edgetp
