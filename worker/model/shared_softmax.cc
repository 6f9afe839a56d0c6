#include "worker/model/shared_softmax.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "worker/model/cpu_ops.h"
#include "worker/model/kernels.h"

namespace edgetp {
namespace {

// Work that is worth a thread of its own, in elements.
constexpr int64_t kElementsPerThread = 32 * 1024;

int64_t GrainOf(int64_t columns) { return std::max<int64_t>(1, kElementsPerThread / columns); }

bool Owns(const Range& own, int64_t token) { return own.begin <= token && token < own.end; }

// The targets that `own` has, as columns; any column for the others. And which are which.
// Shapes: (rows) each.
struct OwnTargets {
  OwnTargets(const torch::Tensor& targets, const Range& own)
      : columns((targets - own.begin).clamp(0, own.size() - 1)),
        owned(targets.ge(own.begin).logical_and(targets.lt(own.end))) {}

  torch::Tensor columns;
  torch::Tensor owned;
};

}  // namespace

RowParts TakeExponentials(const torch::Tensor& logits, const torch::Tensor& targets,
                          const Range& own) {
  if (!cpu::Takes(logits)) return TakeExponentialsOnDevice(logits, targets, own);
  const int64_t rows = logits.size(0), columns = logits.size(1);
  RowParts parts{torch::empty({rows}), torch::empty({rows}), torch::empty({rows})};
  float* data = logits.data_ptr<float>();
  float *largest = parts.largest.data_ptr<float>(), *sum = parts.sum.data_ptr<float>();
  float* target = parts.target.data_ptr<float>();
  const int64_t* token = targets.data_ptr<int64_t>();
  at::parallel_for(0, rows, GrainOf(columns), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* const logit = data + row * columns;
      target[row] = Owns(own, token[row]) ? logit[token[row] - own.begin] : 0;
      kernels::Exponentials(logit, columns, &largest[row], &sum[row]);
    }
  });
  return parts;
}

void ExponentialsToGradient(const torch::Tensor& exponentials, const torch::Tensor& targets,
                            const Range& own, const torch::Tensor& factors, float share) {
  if (!cpu::Takes(exponentials))
    return ExponentialsToGradientOnDevice(exponentials, targets, own, factors, share);
  const int64_t rows = exponentials.size(0), columns = exponentials.size(1);
  float* data = exponentials.data_ptr<float>();
  const float* factor = factors.data_ptr<float>();
  const int64_t* token = targets.data_ptr<int64_t>();
  at::parallel_for(0, rows, GrainOf(columns), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* const gradient = data + row * columns;
      kernels::Scale(factor[row], gradient, columns);
      if (Owns(own, token[row])) gradient[token[row] - own.begin] -= share;
    }
  });
}

RowParts TakeExponentialsOnDevice(const torch::Tensor& logits, const torch::Tensor& targets,
                                  const Range& own) {
  const OwnTargets here(targets, own);
  torch::Tensor values = logits;  // the same memory
  RowParts parts;
  parts.target = values.gather(1, here.columns.unsqueeze(1)).squeeze(1).mul_(here.owned);
  parts.largest = values.amax(1);
  values.sub_(parts.largest.unsqueeze(1)).exp_();
  parts.sum = values.sum(1);
  return parts;
}

void ExponentialsToGradientOnDevice(const torch::Tensor& exponentials, const torch::Tensor& targets,
                                    const Range& own, const torch::Tensor& factors, float share) {
  const OwnTargets here(targets, own);
  torch::Tensor gradient = exponentials;  // the same memory
  gradient.mul_(factors.unsqueeze(1));
  const torch::Tensor rows = torch::arange(gradient.size(0), targets.options());
  const torch::Tensor at_target = gradient.gather(1, here.columns.unsqueeze(1)).squeeze(1);
  gradient.index_put_({rows, here.columns}, at_target - here.owned.to(torch::kFloat) * share);
}

}  // namespace edgetp
