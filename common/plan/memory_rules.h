// What a rank keeps and what it computes again: rules that plan and model share. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/plan/precision.h"

namespace edgetp {

// Sequences of at most so many tokens keep their attention weights (B, H/P, T, T) for the backward
// pass: they are a small part of what is kept, and computing them again would take longer than
// reading them. Longer sequences compute them again, block by block.
inline constexpr int64_t kKeptWeightsSequence = 256;

// Dropout has masks of whole weights, whatever the sequence.
inline bool KeepsAttentionWeights(int64_t sequence, bool dropout = false) {
  return dropout || sequence <= kKeptWeightsSequence;
}

// How many of `rows` have their logits at the same time. `asked`: memory.loss_rows; absent: as many
// as 64 MiB hold, which is little beside a model with that many columns, and enough for a product of
// a CPU. An accelerator is busy only with larger ones: 512 MiB, and rows in the tiles of its products.
// 0: all.
// `columns`: of the vocabulary, that the rank has.
inline int64_t RowsOfLogits(const std::optional<int>& asked, int64_t rows, int64_t columns,
                            bool accelerated = false) {
  constexpr int64_t kElements = int64_t{64} * 1024 * 1024 / 4;
  constexpr int64_t kAcceleratorElements = 8 * kElements, kTile = 128;
  if (asked.has_value() && *asked <= 0) return rows;
  const int64_t elements = accelerated ? kAcceleratorElements : kElements;
  int64_t most = asked.has_value() ? *asked : elements / std::max<int64_t>(1, columns);
  if (accelerated && !asked.has_value() && most > kTile) most -= most % kTile;
  return std::min(rows, std::max<int64_t>(1, most));
}

}  // namespace edgetp
