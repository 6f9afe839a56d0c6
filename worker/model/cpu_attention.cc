// Attention in host memory, block by block of query rows. Short sequences keep their weights for
// the backward pass; of longer ones nothing but q, k and v is kept, and a block's weights are
// computed again when its gradient is. A block ends at its last position, so that half of the square
// above the diagonal is never computed. Source: Rabe and Staats, arXiv 2112.05682; Dao et al., arXiv
// 2205.14135. Keys are not cut into blocks, too: a block's weights fit into a cache as they are.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "common/plan/memory_rules.h"
#include "worker/model/cpu_ops.h"
#include "worker/model/differentiable.h"
#include "worker/model/kernels.h"
#include "worker/model/sgemm.h"

namespace edgetp::cpu {
namespace {

// Work that is worth a thread of its own, in elements.
constexpr int64_t kElementsPerAttentionThread = 32 * 1024;

// Rows of a block where weights are not kept: few above the diagonal, and many enough for fast
// products.
constexpr int64_t kRowsPerBlock = 128;

// The sizes of an attention, and where a head's slice of its tensors lies. Head i counts through the
// sequences, too.
struct AttentionLayout {
  int64_t heads, T, D;
  bool keeps_weights;

  int64_t width() const { return heads * D; }
  float scale() const { return 1 / std::sqrt(static_cast<float>(D)); }
  // Of q; k and v follow at width() and 2 * width(). Rows are 3 * width() apart.
  int64_t InQkv(int64_t i) const { return i / heads * T * 3 * width() + i % heads * D; }
  // Rows are width() apart.
  int64_t InOutput(int64_t i) const { return i / heads * T * width() + i % heads * D; }
  int64_t grain() const {
    return std::max<int64_t>(1, kElementsPerAttentionThread / std::max<int64_t>(1, T * T + T * D));
  }
  int64_t rows_per_block() const { return keeps_weights ? T : std::min(T, kRowsPerBlock); }
  int64_t blocks() const { return (T + rows_per_block() - 1) / rows_per_block(); }
  // Its columns end where its last row does.
  kernels::CausalRows Block(int64_t block) const {
    const int64_t first = block * rows_per_block();
    const int64_t rows = std::min(rows_per_block(), T - first);
    return {first, rows, first + rows};
  }
};

// The weights of a block of a head, whose q begins at `q`.
// Shapes: -> p (rows, columns).
void BlockWeights(const AttentionLayout& layout, const float* q, const kernels::CausalRows& block,
                  float* p) {
  const int64_t step = 3 * layout.width();
  Multiply({q + block.first * step, step}, {q + layout.width(), step, true}, {p, block.columns},
           block.rows, block.columns, layout.D);
  kernels::CausalSoftmax(p, layout.scale(), block);
}

// What the backward pass of a block reads and writes.
struct BlockGradients {
  const float* q;     // of the head; k and v behind it
  const float* p;     // the block's weights
  const float* dout;  // of the head's output
  float* dq;          // of the head; dk and dv behind it
  float* scores;      // room for the block
};

// The first block that is taken, the last of its head, has all columns: it writes dk and dv, and the
// others add to them.
void BackwardBlock(const AttentionLayout& layout, const kernels::CausalRows& block, bool writes,
                   const BlockGradients& on) {
  const int64_t D = layout.D, width = layout.width(), step = 3 * width;
  const int64_t rows = block.rows, columns = block.columns;
  const ProductFactors factors{.old_result = writes ? 0.0f : 1.0f};
  const float *q = on.q + block.first * step, *k = on.q + width, *v = k + width;
  const float* g = on.dout + block.first * width;
  float *dk = on.dq + width, *dv = dk + width;
  Multiply({on.p, columns, true}, {g, width}, {dv, step}, columns, D, rows, factors);
  Multiply({g, width}, {v, step, true}, {on.scores, columns}, rows, columns, D);
  kernels::CausalSoftmaxBackward(on.p, layout.scale(), block, on.scores);
  Multiply({on.scores, columns}, {k, step}, {on.dq + block.first * step, step}, rows, D, columns);
  Multiply({on.scores, columns, true}, {q, step}, {dk, step}, columns, D, rows, factors);
}

// `weights` is undefined where they are not kept.
torch::Tensor AttendBackward(const torch::Tensor& gradient, const torch::Tensor& qkv,
                             const torch::Tensor& weights, const AttentionLayout& layout) {
  const int64_t T = layout.T, of_block = layout.rows_per_block() * T;
  const torch::Tensor output_gradient = gradient.contiguous();
  torch::Tensor result = torch::empty_like(qkv);
  const float *in = qkv.data_ptr<float>(), *dout = output_gradient.data_ptr<float>();
  const float* kept = weights.defined() ? weights.data_ptr<float>() : nullptr;
  float* din = result.data_ptr<float>();
  const int64_t count = qkv.size(0) / T * layout.heads;
  at::parallel_for(0, count, layout.grain(), [&](int64_t begin, int64_t end) {
    std::vector<float> scores(of_block), again(kept == nullptr ? of_block : 0);
    for (int64_t i = begin; i < end; ++i) {
      const float* q = in + layout.InQkv(i);
      for (int64_t b = layout.blocks(); b-- > 0;) {
        const kernels::CausalRows block = layout.Block(b);
        if (kept == nullptr) BlockWeights(layout, q, block, again.data());
        BackwardBlock(layout, block, /*writes=*/b + 1 == layout.blocks(),
                      {q, kept == nullptr ? again.data() : kept + i * T * T,
                       dout + layout.InOutput(i), din + layout.InQkv(i), scores.data()});
      }
    }
  });
  return result;
}

}  // namespace

torch::Tensor Attend(const torch::Tensor& qkv, int64_t heads, int64_t T) {
  const AttentionLayout layout{heads, T, qkv.size(1) / 3 / heads, KeepsAttentionWeights(T)};
  const int64_t D = layout.D, width = layout.width(), count = qkv.size(0) / T * heads;
  const torch::Tensor input = qkv.detach();
  torch::Tensor weights;
  if (layout.keeps_weights) weights = torch::empty({count, T, T}, input.options());
  torch::Tensor output = torch::empty({qkv.size(0), width}, input.options());
  const float* in = input.data_ptr<float>();
  float *out = output.data_ptr<float>(),
        *kept = layout.keeps_weights ? weights.data_ptr<float>() : nullptr;
  at::parallel_for(0, count, layout.grain(), [&](int64_t begin, int64_t end) {
    std::vector<float> scores(kept == nullptr ? layout.rows_per_block() * T : 0);
    for (int64_t i = begin; i < end; ++i) {
      const float *q = in + layout.InQkv(i), *v = q + 2 * width;
      float* const p = kept == nullptr ? scores.data() : kept + i * T * T;
      for (int64_t b = 0; b < layout.blocks(); ++b) {
        const kernels::CausalRows block = layout.Block(b);
        BlockWeights(layout, q, block, p);
        Multiply({p, block.columns}, {v, 3 * width},
                 {out + layout.InOutput(i) + block.first * width, width}, block.rows, D,
                 block.columns);
      }
    }
  });
  return Differentiable(std::move(output), qkv, [=](const torch::Tensor& gradient) {
    return AttendBackward(gradient, input, weights, layout);
  });
}

}  // namespace edgetp::cpu
