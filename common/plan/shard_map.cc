#include "common/plan/shard_map.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace edgetp {
namespace {

// Divides `total` in proportion to `parts` by largest remainder, at least one each. Lower ranks win
// ties.
std::vector<int> Apportion(int total, const std::vector<int>& parts) {
  const int64_t sum = std::accumulate(parts.begin(), parts.end(), int64_t{0});
  const int n = static_cast<int>(parts.size());
  std::vector<int> share(n);
  for (int i = 0; i < n; ++i) {
    share[i] = std::max<int>(1, static_cast<int>(int64_t{total} * parts[i] / sum));
  }
  // Give to the rank that is furthest below its exact share, take from the one furthest above that
  // can spare one.
  auto surplus = [&](int i) { return int64_t{share[i]} * sum - int64_t{total} * parts[i]; };
  for (int given = std::accumulate(share.begin(), share.end(), 0); given != total;) {
    int best = -1;
    for (int i = 0; i < n; ++i) {
      if (given > total && share[i] == 1) continue;
      const bool better =
          best < 0 || (given < total ? surplus(i) < surplus(best) : surplus(i) > surplus(best));
      if (better) best = i;
    }
    const int step = given < total ? 1 : -1;
    share[best] += step;
    given += step;
  }
  return share;
}

// 25 heads over 2 workers: 13, 12.
std::vector<int> NearlyEven(int heads, int world_size) {
  std::vector<int> parts(world_size, heads / world_size);
  for (int i = 0; i < heads % world_size; ++i) ++parts[i];
  return parts;
}

}  // namespace

absl::StatusOr<std::vector<Shard>> BuildShardMap(const ModelShape& shape, int world_size,
                                                 const std::vector<int>& split) {
  if (world_size < 1) {
    return absl::InvalidArgumentError(absl::StrCat("workers=", world_size, ": must be at least 1"));
  }
  if (shape.heads < world_size) {
    return absl::InvalidArgumentError(absl::StrCat("heads=", shape.heads,
                                                   " cannot be split over workers=", world_size,
                                                   ": every worker needs at least one head"));
  }
  if (int64_t{4} * shape.channels < world_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "4 * channels=", 4 * shape.channels, " cannot be split over workers=", world_size,
        ": every worker needs at least one hidden unit"));
  }
  std::vector<int> parts = split;
  if (parts.empty()) {
    if (shape.heads % world_size != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("heads=", shape.heads, " cannot be split evenly over workers=", world_size,
                       ": take a number of workers that divides them, or --set split=",
                       absl::StrJoin(NearlyEven(shape.heads, world_size), ",")));
    }
    parts.assign(world_size, 1);
  }
  if (static_cast<int>(parts.size()) != world_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "split has ", parts.size(), " parts, but workers=", world_size, ": one part per worker"));
  }
  for (int part : parts) {
    if (part < 1 || part > 1'000'000) {
      return absl::InvalidArgumentError(
          absl::StrCat("split has a part of ", part, ": each must be in [1, 1000000]"));
    }
  }
  const std::vector<int> heads = Apportion(shape.heads, parts);
  const std::vector<int> columns = Apportion(4 * shape.channels, heads);
  std::vector<Shard> shards(world_size);
  int head = 0;
  int column = 0;
  for (int r = 0; r < world_size; ++r) {
    shards[r] = {{head, head + heads[r]}, {column, column + columns[r]}};
    head += heads[r];
    column += columns[r];
  }
  return shards;
}

}  // namespace edgetp
