#include "common/network/link_rows.h"

#include <algorithm>

namespace edgetp {
namespace {

void AddHop(const HopOptions& hop, LinkRow* row) {
  row->delay += hop.delay;
  row->jitter += hop.jitter;
  row->quantiles |= hop.distribution == JitterDistribution::kQuantiles;
}

LinkRow RowOf(const LinkOptions& link) {
  LinkRow row;
  AddHop(link, &row);
  if (link.second_hop != nullptr) AddHop(*link.second_hop, &row);
  row.loss = link.loss;
  row.rate_bits_per_second = link.rate_bits_per_second;
  row.trace = link.trace != nullptr;
  if (row.trace) row.rate_bits_per_second = link.trace->MeanBitsPerSecond();
  for (const TrunkUse& trunk : link.trunks)
    row.rate_bits_per_second = LowerRate(row.rate_bits_per_second, trunk.rate_bits_per_second);
  return row;
}

bool SameLink(const LinkRow& a, const LinkRow& b) {
  return a.delay == b.delay && a.jitter == b.jitter && a.quantiles == b.quantiles &&
         a.loss == b.loss && a.rate_bits_per_second == b.rate_bits_per_second && a.trace == b.trace;
}

}  // namespace

std::vector<LinkRow> LinkRows(const NetworkOptions& network, int world_size, size_t max_rows) {
  std::vector<LinkRow> rows;
  for (int source = 0; source < world_size; ++source) {
    for (int destination = 0; destination < world_size; ++destination) {
      if (source == destination) continue;
      LinkRow row = RowOf(network.Link(source, destination));
      row.source = source;
      row.destination = destination;
      row.connected = network.Connected(source, destination);
      rows.push_back(row);
    }
  }
  const bool alike = std::all_of(rows.begin(), rows.end(), [&rows](const LinkRow& row) {
    return row.connected && SameLink(row, rows.front());
  });
  if (alike) {
    rows = {RowOf(rows.empty() ? network.link : network.Link(0, 1))};
  } else if (rows.size() > max_rows) {
    rows.resize(max_rows);
  }
  return rows;
}

}  // namespace edgetp
