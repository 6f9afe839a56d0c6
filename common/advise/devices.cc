#include "common/advise/devices.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

int MostWorkers(const AdviseProblem& problem) {
  return std::min(PoolSize(problem), problem.max_workers.value_or(PoolSize(problem)));
}

// The whole pool, rank by rank, in the order of `kinds`.
std::vector<int> Pool(const AdviseProblem& problem, const std::vector<int>& kinds) {
  std::vector<int> pool;
  for (const int kind : kinds) pool.insert(pool.end(), problem.devices[kind].count, kind);
  return pool;
}

std::vector<int> InOrder(const AdviseProblem& problem) {
  std::vector<int> kinds(problem.devices.size());
  std::iota(kinds.begin(), kinds.end(), 0);
  return kinds;
}

// Kinds, the fastest first.
std::vector<int> BySpeed(const AdviseProblem& problem, const std::vector<double>& speeds) {
  std::vector<int> kinds = InOrder(problem);
  std::stable_sort(kinds.begin(), kinds.end(),
                   [&](int left, int right) { return speeds[left] > speeds[right]; });
  return kinds;
}

std::vector<std::vector<int>> Alone(const std::vector<int>& kinds) {
  std::vector<std::vector<int>> subsets;
  for (const int kind : kinds) subsets.push_back({kind});
  return subsets;
}

// The first n of `pool`, for every n from `fewest` on.
void AddPrefixes(const std::vector<int>& pool, int fewest, int most,
                 std::vector<std::vector<int>>* subsets) {
  for (int size = fewest; size <= std::min<int>(most, static_cast<int>(pool.size())); ++size)
    subsets->emplace_back(pool.begin(), pool.begin() + size);
}

// The fewest ranks that a network has which speaks of some.
int RanksNamed(const v1::NetworkProfile& network) {
  int last = 1;
  for (const v1::LinkOverride& rule : network.overrides())
    last = std::max({last, rule.source(), rule.destination()});
  for (const v1::PartitionGroup& group : network.partition()) {
    for (const int rank : group.ranks()) last = std::max(last, rank);
  }
  return last + 1;
}

// Goes on with `kinds` from `next` on: none of the kind, one, ...
void AddMultisets(const AdviseProblem& problem, const std::vector<int>& kinds, size_t next,
                  size_t most, std::vector<int>* devices, std::vector<std::vector<int>>* subsets) {
  if (next == kinds.size()) {
    if (devices->size() > 1) subsets->push_back(*devices);
    return;
  }
  const size_t before = devices->size();
  for (int count = 0; count <= problem.devices[kinds[next]].count; ++count) {
    AddMultisets(problem, kinds, next + 1, most, devices, subsets);
    if (devices->size() == most) break;
    devices->push_back(kinds[next]);
  }
  devices->resize(before);
}

double Multisets(const AdviseProblem& problem) {
  double number = 1;
  for (const AdvisedDevices& devices : problem.devices) number *= devices.count + 1.0;
  return number - 1;
}

}  // namespace

int PoolSize(const AdviseProblem& problem) {
  int size = 0;
  for (const AdvisedDevices& devices : problem.devices) size += devices.count;
  return size;
}

bool KnowsRanks(const v1::NetworkProfile& network) {
  return network.overrides_size() > 0 || network.partition_size() > 0 || network.has_topology();
}

std::vector<std::vector<int>> DeviceSubsets(const AdviseProblem& problem,
                                            const std::vector<double>& speeds,
                                            std::vector<std::string>* left_out) {
  const int most = MostWorkers(problem);
  const std::vector<int> kinds = BySpeed(problem, speeds);
  std::vector<std::vector<int>> subsets = Alone(kinds);
  if (KnowsRanks(problem.base.network)) {
    const int fewest = RanksNamed(problem.base.network);
    AddPrefixes(Pool(problem, InOrder(problem)), fewest, most, &subsets);
    left_out->push_back(absl::StrCat(
        "network ", problem.base.network.name(),
        " has links of certain ranks: devices are its ranks in the order of --devices; tried were "
        "each device alone and the first n, for every n from ",
        fewest, " on; reorder --devices to try others"));
    return subsets;
  }
  if (Multisets(problem) <= kMaxSubsets) {
    std::vector<int> devices;
    AddMultisets(problem, kinds, 0, most, &devices, &subsets);
  } else {
    AddPrefixes(Pool(problem, kinds), 2, most, &subsets);
    for (const int kind : kinds) {
      if (kind != kinds.front()) AddPrefixes(Pool(problem, {kind}), 2, most, &subsets);
    }
    left_out->push_back(absl::StrCat("of the ", Multisets(problem), " choices of devices, ",
                                     subsets.size(),
                                     " were tried: for every n the n fastest, and n of each kind; "
                                     "fewer kinds of --devices are searched in full"));
  }
  std::stable_sort(subsets.begin(), subsets.end(),
                   [](const auto& left, const auto& right) { return left.size() < right.size(); });
  return subsets;
}

double OrdersOfDevices(const std::vector<int>& devices) {
  double orders = 1;
  std::map<int, int> seen;
  for (size_t i = 0; i < devices.size(); ++i)
    orders *= (static_cast<double>(i) + 1) / ++seen[devices[i]];
  return orders;
}

std::vector<std::vector<int>> OrdersOf(const AdviseProblem& problem, const AdviseGroup& group) {
  const AdviseStrategy& strategy = group.strategy;
  // On equal links, ranks that share all tensors, or have a replica each, may be any devices.
  const bool any = strategy.shards == group.workers() || strategy.replicas == group.workers();
  if (any || KnowsRanks(problem.base.network)) return {group.devices};
  const std::vector<int> reversed(group.devices.rbegin(), group.devices.rend());
  if (reversed == group.devices) return {group.devices};
  if (OrdersOfDevices(group.devices) > kMaxOrders) return {group.devices, reversed};
  std::vector<int> order = group.devices;
  std::sort(order.begin(), order.end());
  std::vector<std::vector<int>> orders;
  do {
    orders.push_back(order);
  } while (std::next_permutation(order.begin(), order.end()));
  return orders;
}

}  // namespace edgetp
