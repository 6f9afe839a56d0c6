// What of a step's exchanges runs under compute (docs/patterns.md#overlap). Pure.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/plan/shard_map.h"

namespace edgetp {

enum class OverlapKind {
  kNone,             // an exchange is waited for where it starts
  kWeightGradients,  // DW: the gradient of a region's input, under the gradients of its weights
  kRows,             // ROWS(m): one group of a micro-batch's rows, under the compute of the next
};

struct Overlap {
  OverlapKind kind = OverlapKind::kNone;
  int rows = 1;  // groups that a micro-batch is cut into in training: m; 1 unless kRows

  // "NONE", "DW", "ROWS(m)" in any case; blanks around m are allowed.
  // Errors: InvalidArgument naming the text and the rule; m must be in [2, 65536].
  static absl::StatusOr<Overlap> Parse(const std::string& text);

  // What a group of that many ranks does; one rank alone has nothing to hide.
  bool DefersWeightGradients(int world_size) const {
    return world_size > 1 && kind == OverlapKind::kWeightGradients;
  }
  int GroupsOf(int world_size) const { return world_size > 1 ? rows : 1; }
};

// As Parse reads it, in capitals.
std::string ToString(const Overlap& overlap);

// The sequences of a micro-batch of `batch` that group `group` of `groups` has: consecutive, and at
// most one more than any other group, the first groups first. 1 <= groups <= batch.
Range RowsOfGroup(int batch, int groups, int group);

// Whether the rows of a micro-batch can be cut so: each group needs a sequence.
// Errors: InvalidArgument naming m and the batch.
absl::Status CheckRows(const Overlap& overlap, int batch);

}  // namespace edgetp
