// Which heads, MLP columns and rows of the vocabulary each rank owns. Pure.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/model_shape.h"

namespace edgetp {

// Half-open range of indices.
struct Range {
  int begin = 0;
  int end = 0;
  int size() const { return end - begin; }
};

// One rank's share of every block, and of the embedding and the output matrix.
struct Shard {
  Range heads;       // of H
  Range columns;     // of the 4C hidden units of the MLP
  Range vocabulary;  // of V; all of it where every rank holds all of it
};

// Even when `split` is empty; otherwise proportional to it, by largest remainder, at least one head
// each. Columns, and rows of the vocabulary with `vocabulary_parallel`, follow the heads in the
// same proportion. Returns one Shard per rank, consecutive, covering everything exactly once.
// Errors: InvalidArgument if world_size < 1, heads < world_size, split has another size than
//   world_size or a part < 1, or the split is even and heads do not divide by world_size; with
//   `vocabulary_parallel`, if vocabulary < world_size.
absl::StatusOr<std::vector<Shard>> BuildShardMap(const ModelShape& shape, int world_size,
                                                 const std::vector<int>& split,
                                                 bool vocabulary_parallel = false);

}  // namespace edgetp
