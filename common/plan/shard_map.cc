#include "common/plan/shard_map.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"

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

absl::Status CheckShares(const ModelShape& shape, int world_size, bool vocabulary_parallel) {
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
  if (vocabulary_parallel && shape.vocabulary < world_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("vocabulary=", shape.vocabulary, " cannot be split over workers=", world_size,
                     ": every worker needs at least one row of the embedding"));
  }
  return absl::OkStatus();
}

// `split`, or equal parts where it is empty.
absl::StatusOr<std::vector<int>> PartsOf(const ModelShape& shape, int world_size,
                                         const std::vector<int>& split) {
  if (split.empty()) {
    if (shape.heads % world_size == 0) return std::vector<int>(world_size, 1);
    return absl::InvalidArgumentError(
        absl::StrCat("heads=", shape.heads, " cannot be split evenly over workers=", world_size,
                     ": take a number of workers that divides them, or --set split=",
                     absl::StrJoin(NearlyEven(shape.heads, world_size), ",")));
  }
  if (static_cast<int>(split.size()) != world_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "split has ", split.size(), " parts, but workers=", world_size, ": one part per worker"));
  }
  for (const int part : split) {
    if (part < 1 || part > 1'000'000) {
      return absl::InvalidArgumentError(
          absl::StrCat("split has a part of ", part, ": each must be in [1, 1000000]"));
    }
  }
  return split;
}

// Consecutive ranges of these sizes.
std::vector<Range> Consecutive(const std::vector<int>& sizes) {
  std::vector<Range> ranges;
  int begin = 0;
  for (const int size : sizes) {
    ranges.push_back({begin, begin + size});
    begin += size;
  }
  return ranges;
}

}  // namespace

absl::StatusOr<std::vector<Shard>> BuildShardMap(const ModelShape& shape, int world_size,
                                                 const std::vector<int>& split,
                                                 bool vocabulary_parallel) {
  RETURN_IF_ERROR(CheckShares(shape, world_size, vocabulary_parallel));
  ASSIGN_OR_RETURN(const std::vector<int> parts, PartsOf(shape, world_size, split));
  const std::vector<int> heads = Apportion(shape.heads, parts);
  const std::vector<Range> head_ranges = Consecutive(heads);
  const std::vector<Range> columns = Consecutive(Apportion(4 * shape.channels, heads));
  std::vector<Range> rows(world_size, Range{0, shape.vocabulary});
  if (vocabulary_parallel) rows = Consecutive(Apportion(shape.vocabulary, heads));
  std::vector<Shard> shards(world_size);
  for (int r = 0; r < world_size; ++r) shards[r] = {head_ranges[r], columns[r], rows[r]};
  return shards;
}

}  // namespace edgetp
