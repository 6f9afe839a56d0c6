// What a rank keeps and what it computes again: rules that plan and model share. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace edgetp {

// Of matrix products. With bf16, weights, norms, losses and the optimizer stay in fp32.
enum class Precision : uint8_t { kFp32, kBf16 };

// Sequences of at most so many tokens keep their attention weights (B, H/P, T, T) for the backward
// pass: they are a small part of what is kept, and computing them again would take longer than
// reading them. Longer sequences compute them again, block by block.
inline constexpr int64_t kKeptWeightsSequence = 256;

// Dropout has masks of whole weights, whatever the sequence.
inline bool KeepsAttentionWeights(int64_t sequence, bool dropout = false) {
  return dropout || sequence <= kKeptWeightsSequence;
}

// How many of `rows` have their logits at the same time. `asked`: memory.loss_rows; absent: as many
// as 64 MiB hold, which is little beside a model with that many columns, and enough for a product.
// 0: all.
// `columns`: of the vocabulary, that the rank has.
inline int64_t RowsOfLogits(const std::optional<int>& asked, int64_t rows, int64_t columns) {
  constexpr int64_t kDefaultElements = int64_t{64} * 1024 * 1024 / 4;
  if (asked.has_value() && *asked <= 0) return rows;
  const int64_t most =
      asked.has_value() ? *asked : kDefaultElements / std::max<int64_t>(1, columns);
  return std::min(rows, std::max<int64_t>(1, most));
}

}  // namespace edgetp
