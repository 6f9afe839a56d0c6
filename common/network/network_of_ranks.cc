#include "common/network/network_of_ranks.h"

#include <cstddef>
#include <map>
#include <utility>

namespace edgetp {
namespace {

// What a list by rank has of some ranks; empty if it is.
template <typename T>
std::vector<T> Pick(const std::vector<T>& by_rank, const std::vector<int>& ranks) {
  std::vector<T> picked;
  for (const int rank : ranks) {
    if (static_cast<size_t>(rank) < by_rank.size()) picked.push_back(by_rank[rank]);
  }
  return picked;
}

}  // namespace

NetworkOptions NetworkOfRanks(const NetworkOptions& network, const std::vector<int>& ranks) {
  std::map<int, int> places;
  for (size_t i = 0; i < ranks.size(); ++i) places[ranks[i]] = static_cast<int>(i);
  NetworkOptions own = network;
  own.overrides.clear();
  for (const auto& [pair, link] : network.overrides) {
    const auto source = places.find(pair.first), destination = places.find(pair.second);
    if (source == places.end() || destination == places.end()) continue;
    own.overrides[{source->second, destination->second}] = link;
  }
  own.uplinks = Pick(network.uplinks, ranks);
  own.downlinks = Pick(network.downlinks, ranks);
  own.partition_group = Pick(network.partition_group, ranks);
  return own;
}

bool AllRanksAlike(const NetworkOptions& network) {
  return network.overrides.empty() && network.uplinks.empty() && network.downlinks.empty();
}

}  // namespace edgetp
