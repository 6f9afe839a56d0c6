// The keys and values that attention has computed for earlier tokens, and the passes that use them
// (decoder.h). Keys and values of a layer are one tensor each, in which every row has room for
// `capacity` tokens: nothing is moved when a sequence grows.
#pragma once

#include <cstdint>
#include <vector>

#include "worker/model/torch.h"

namespace edgetp {

struct KeyValueCacheSizes {
  int64_t layers = 0;
  int64_t rows = 0;
  int64_t heads = 0;      // H/P: of this rank
  int64_t capacity = 0;   // tokens
  int64_t head_size = 0;  // D
};

struct KeyValueCache {
  KeyValueCache(const KeyValueCacheSizes& sizes, const torch::Device& device);

  std::vector<torch::Tensor> keys;    // by layer, (rows, H/P, capacity, D)
  std::vector<torch::Tensor> values;  // likewise
};

// What is particular to a pass over a batch of sequences some of whose tokens are kept. In a pass
// of whole contexts positions count from 0; in a pass of single tokens each has its own.
struct CachedPass {
  KeyValueCache* cache = nullptr;  // null: nothing is kept
  std::vector<int64_t> rows;       // (B), of the cache
  std::vector<int64_t> positions;  // (B), of the one new token of each; empty: whole contexts

  bool appends() const { return !positions.empty(); }

  // Rows of the position table for the new tokens of a pass that appends.
  // Shapes: table (T, C) -> (B, C).
  torch::Tensor PositionsOf(const torch::Tensor& table) const;

  // Puts the keys and values of a layer into the cache, if there is one.
  // Shapes: projected (B*T, 3 C/P), the rank's q heads, then its k heads, then its v heads.
  void Keep(int layer, int64_t heads, const torch::Tensor& projected) const;

  // Attention of one new token of each sequence over all that are kept of it, itself included: in a
  // pass that appends, after Keep.
  // Shapes: projected (B, 3 C/P) -> (B, C/P).
  torch::Tensor Attend(int layer, int64_t heads, const torch::Tensor& projected) const;
  // The same by LibTorch's operations alone: what accelerators do.
  torch::Tensor AttendOnDevice(int layer, int64_t heads, const torch::Tensor& projected) const;
};

}  // namespace edgetp
