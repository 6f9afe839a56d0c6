#include "worker/model/key_value_cache.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "worker/model/cache_kernels.h"
#include "worker/model/cpu_ops.h"

namespace edgetp {
namespace {

// Fewer multiplications than this are not worth another thread.
constexpr int64_t kProductsPerThread = 1 << 16;

torch::Tensor Indices(const std::vector<int64_t>& indices, const torch::Tensor& like) {
  return torch::tensor(indices, torch::kLong).to(like.device());
}

}  // namespace

KeyValueCache::KeyValueCache(const KeyValueCacheSizes& sizes, const torch::Device& device) {
  const auto options = torch::TensorOptions().dtype(torch::kFloat).device(device);
  for (int64_t layer = 0; layer < sizes.layers; ++layer) {
    for (std::vector<torch::Tensor>* each : {&keys, &values}) {
      each->push_back(
          torch::zeros({sizes.rows, sizes.heads, sizes.capacity, sizes.head_size}, options));
    }
  }
}

torch::Tensor CachedPass::PositionsOf(const torch::Tensor& table) const {
  return table.detach().index_select(0, Indices(positions, table));
}

void CachedPass::Keep(int layer, int64_t heads, const torch::Tensor& projected) const {
  if (cache == nullptr) return;
  const auto B = static_cast<int64_t>(rows.size());
  const int64_t T = projected.size(0) / B, D = projected.size(1) / (3 * heads);
  const torch::Tensor parts =
      projected.view({B, T, 3, heads, D}).transpose(1, 3);  // (B, h, 3, T, D)
  for (int64_t b = 0; b < B; ++b) {
    const int64_t first = appends() ? positions[b] : 0;
    const auto keep = [&](int part, const torch::Tensor& kept) {
      kept.select(0, rows[b]).narrow(1, first, T).copy_(parts.select(0, b).select(1, part));
    };
    keep(1, cache->keys[layer]);
    keep(2, cache->values[layer]);
  }
}

torch::Tensor CachedPass::Attend(int layer, int64_t heads, const torch::Tensor& projected) const {
  const int64_t B = projected.size(0), width = projected.size(1) / 3, D = width / heads;
  const torch::Tensor &keys = cache->keys[layer], &values = cache->values[layer];
  if (!cpu::Takes(projected)) return AttendOnDevice(layer, heads, projected);
  const torch::Tensor output = torch::empty({B, width}, projected.options());
  const int64_t capacity = keys.size(2);
  const int64_t longest = 1 + *std::max_element(positions.begin(), positions.end());
  const float* q = projected.data_ptr<float>();
  const float *k = keys.data_ptr<float>(), *v = values.data_ptr<float>();
  float* out = output.data_ptr<float>();
  const int64_t grain = std::max<int64_t>(1, kProductsPerThread / (2 * longest * D));
  at::parallel_for(0, B * heads, grain, [&](int64_t begin, int64_t end) {
    std::vector<float> scores(longest);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / heads, head = i % heads;
      const int64_t kept = (rows[b] * heads + head) * capacity * D;
      kernels::AttendOne(q + b * 3 * width + head * D, k + kept, v + kept, positions[b] + 1, D,
                         scores.data(), out + b * width + head * D);
    }
  });
  return output;
}

// Scores beyond each sequence's end are masked.
torch::Tensor CachedPass::AttendOnDevice(int layer, int64_t heads,
                                         const torch::Tensor& projected) const {
  const int64_t B = projected.size(0), width = projected.size(1) / 3, D = width / heads;
  const int64_t longest = 1 + *std::max_element(positions.begin(), positions.end());
  const auto of_rows = [&](const torch::Tensor& kept) {
    return kept.narrow(2, 0, longest).index_select(0, Indices(rows, kept));  // (B, H/P, n, D)
  };
  const torch::Tensor q = projected.narrow(1, 0, width).reshape({B, heads, 1, D});
  const torch::Tensor ends = Indices(positions, q).view({-1, 1, 1, 1});
  const torch::Tensor beyond = torch::arange(longest, ends.options()).gt(ends);  // (B, 1, 1, n)
  const torch::Tensor scores =
      torch::matmul(q, of_rows(cache->keys[layer]).transpose(2, 3))  // (B, H/P, 1, n)
          .mul(1 / std::sqrt(static_cast<double>(D)))
          .masked_fill(beyond, -std::numeric_limits<float>::infinity());
  return torch::matmul(torch::softmax(scores, -1), of_rows(cache->values[layer]))
      .reshape({B, width});
}

}  // namespace edgetp
