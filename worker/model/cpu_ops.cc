#include "worker/model/cpu_ops.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "worker/model/differentiable.h"
#include "worker/model/kernels.h"
#include "worker/model/sgemm.h"

namespace edgetp::cpu {
namespace {

// Work that is worth a thread of its own, in elements.
constexpr int64_t kElementsPerThread = 32 * 1024;
// Layer norms sum their weights' gradients over so many rows at a time, whatever the number of
// threads: the order of a sum must not depend on it.
constexpr int64_t kRowsPerSum = 64;

int64_t GrainOf(int64_t elements_per_item) {
  return std::max<int64_t>(1, kElementsPerThread / std::max<int64_t>(1, elements_per_item));
}

float* DataOrNull(const torch::Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr<float>() : nullptr;
}

torch::Tensor LayerNormInputGradient(const torch::Tensor& gradient, const torch::Tensor& x,
                                     const torch::Tensor& weight, const torch::Tensor& bias,
                                     const std::vector<kernels::NormStatistics>& statistics) {
  const int64_t rows = x.size(0), C = x.size(1), sums = (rows + kRowsPerSum - 1) / kRowsPerSum;
  const torch::Tensor dy = gradient.contiguous();
  torch::Tensor dx = torch::empty_like(x);
  const torch::Tensor partial = torch::zeros({sums, 2, C}, x.options());  // of weight, of bias
  const float *dy_data = dy.data_ptr<float>(), *x_data = x.data_ptr<float>();
  const float* weight_data = weight.data_ptr<float>();
  float *dx_data = dx.data_ptr<float>(), *partial_data = partial.data_ptr<float>();
  at::parallel_for(0, sums, GrainOf(kRowsPerSum * C), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i * kRowsPerSum, count = std::min(kRowsPerSum, rows - first);
      float* sum = partial_data + i * 2 * C;
      kernels::LayerNormBackward(dy_data + first * C, x_data + first * C, weight_data,
                                 &statistics[first], count, C, dx_data + first * C, sum,
                                 bias.defined() ? sum + C : nullptr);
    }
  });
  for (int64_t i = 0; i < sums; ++i) {
    kernels::Add(partial_data + i * 2 * C, GradientOf(weight).data_ptr<float>(), C);
    if (bias.defined())
      kernels::Add(partial_data + (i * 2 + 1) * C, GradientOf(bias).data_ptr<float>(), C);
  }
  return dx;
}

// Calls with each token's number within tokens, and its row in a table of `rows` that begins with
// token `first`; tokens that the table does not have are left out.
template <typename Body>
void ForEachRow(const torch::Tensor& tokens, int64_t first, int64_t rows, Body body) {
  const int64_t* token = tokens.data_ptr<int64_t>();
  for (int64_t i = 0; i < tokens.numel(); ++i) {
    const int64_t row = token[i] - first;
    if (row >= 0 && row < rows) body(i, row);
  }
}

// Adds the rows of `from`, one per token, to the gradient of the table's.
void AddRows(const torch::Tensor& tokens, const torch::Tensor& from, const torch::Tensor& table,
             int64_t first) {
  const int64_t C = table.size(1);
  const float* source = from.data_ptr<float>();
  float* into = GradientOf(table).data_ptr<float>();
  ForEachRow(tokens, first, table.size(0),
             [&](int64_t i, int64_t row) { kernels::Add(source + i * C, into + row * C, C); });
}

// The same of the positions' rows, which every sequence has.
void AddToPositions(const torch::Tensor& from, const torch::Tensor& position_table, int64_t T) {
  const int64_t C = position_table.size(1), B = from.size(0) / T;
  const float* source = from.data_ptr<float>();
  float* into = GradientOf(position_table).data_ptr<float>();
  for (int64_t b = 0; b < B; ++b) kernels::Add(source + b * T * C, into, T * C);
}

// Any tensor as (rows, columns) in steps of rows, or as the transpose of one.
MatrixView ViewOf(const torch::Tensor& matrix) {
  const float* data = matrix.data_ptr<float>();
  if (matrix.is_contiguous()) return {data, matrix.size(1)};
  TORCH_CHECK(matrix.t().is_contiguous(), "a matrix that is neither contiguous nor a transpose");
  return {data, matrix.size(0), true};
}

}  // namespace

torch::Tensor Product(const torch::Tensor& a, const torch::Tensor& b) {
  torch::Tensor result = torch::empty({a.size(0), b.size(1)}, a.options());
  Multiply(ViewOf(a), ViewOf(b), {result.data_ptr<float>(), b.size(1)}, a.size(0), b.size(1),
           a.size(1));
  return result;
}

void AddProduct(const torch::Tensor& a, const torch::Tensor& b, float factor,
                const torch::Tensor& sum) {
  Multiply(ViewOf(a), ViewOf(b), {sum.data_ptr<float>(), b.size(1)}, a.size(0), b.size(1),
           a.size(1), {factor, 1});
}

torch::Tensor Gelu(torch::Tensor x, GeluKind kind) {
  torch::Tensor slope = x.detach();  // the same memory
  torch::Tensor y = torch::empty_like(slope);
  float *slope_data = slope.data_ptr<float>(), *y_data = y.data_ptr<float>();
  at::parallel_for(0, slope.numel(), kElementsPerThread, [&](int64_t begin, int64_t end) {
    const auto gelu = kind == GeluKind::kErf ? &kernels::GeluErf : &kernels::GeluTanh;
    gelu(slope_data + begin, y_data + begin, end - begin);
  });
  return Differentiable(std::move(y), x,
                        [slope](torch::Tensor gradient) { return slope.mul_(gradient); });
}

torch::Tensor LayerNorm(const torch::Tensor& x, const torch::Tensor& weight,
                        const torch::Tensor& bias, double epsilon) {
  const int64_t rows = x.size(0), C = x.size(1);
  const torch::Tensor input = x.detach();
  torch::Tensor y = torch::empty_like(input);
  std::vector<kernels::NormStatistics> statistics(rows);
  const float *x_data = input.data_ptr<float>(), *weight_data = weight.data_ptr<float>();
  const float* bias_data = DataOrNull(bias);
  float* y_data = y.data_ptr<float>();
  at::parallel_for(0, rows, GrainOf(C), [&](int64_t begin, int64_t end) {
    kernels::LayerNorm(x_data + begin * C, weight_data, bias_data, static_cast<float>(epsilon),
                       end - begin, C, y_data + begin * C, &statistics[begin]);
  });
  return Differentiable(std::move(y), x,
                        [=, statistics = std::move(statistics)](const torch::Tensor& gradient) {
                          return LayerNormInputGradient(gradient, input, weight, bias, statistics);
                        });
}

torch::Tensor Embed(const torch::Tensor& tokens, const torch::Tensor& token_table,
                    const torch::Tensor& position_table) {
  const int64_t B = tokens.size(0), T = tokens.size(1), C = token_table.size(1);
  torch::Tensor x = torch::empty({B * T, C}, token_table.options().requires_grad(false));
  const float* rows = token_table.data_ptr<float>();
  const float* positions = position_table.data_ptr<float>();
  const int64_t* token = tokens.data_ptr<int64_t>();
  float* into = x.data_ptr<float>();
  for (int64_t i = 0; i < B * T; ++i, into += C) {
    const float *row = rows + token[i] * C, *position = positions + i % T * C;
    for (int64_t c = 0; c < C; ++c) into[c] = row[c] + position[c];
  }
  return Differentiable(std::move(x), {}, [=](const torch::Tensor& gradient) {
    const torch::Tensor dx = gradient.contiguous();
    AddRows(tokens, dx, token_table, /*first=*/0);
    AddToPositions(dx, position_table, T);
    return torch::Tensor();
  });
}

torch::Tensor EmbedRows(const torch::Tensor& tokens, const torch::Tensor& token_table,
                        int64_t first) {
  const int64_t C = token_table.size(1);
  torch::Tensor x = torch::zeros({tokens.numel(), C}, token_table.options().requires_grad(false));
  const float* rows = token_table.data_ptr<float>();
  float* into = x.data_ptr<float>();
  ForEachRow(tokens, first, token_table.size(0),
             [&](int64_t i, int64_t row) { std::copy_n(rows + row * C, C, into + i * C); });
  return Differentiable(std::move(x), {}, [=](const torch::Tensor& gradient) {
    AddRows(tokens, gradient.contiguous(), token_table, first);
    return torch::Tensor();
  });
}

torch::Tensor AddPositions(torch::Tensor x, const torch::Tensor& position_table, int64_t T) {
  torch::Tensor sum = x.detach();  // the same memory
  const int64_t C = sum.size(1), B = sum.size(0) / T;
  const float* positions = position_table.data_ptr<float>();
  float* into = sum.data_ptr<float>();
  for (int64_t b = 0; b < B; ++b) kernels::Add(positions, into + b * T * C, T * C);
  return Differentiable(std::move(sum), x, [=](const torch::Tensor& gradient) {
    AddToPositions(gradient.contiguous(), position_table, T);
    return gradient;
  });
}

torch::Tensor HeadLoss(const torch::Tensor& hidden, const torch::Tensor& table,
                       const torch::Tensor& targets) {
  const torch::Tensor input = hidden.detach(), weight = table.detach();
  const torch::Tensor logits = Product(input, weight.t());  // (rows, V), then their gradient
  const int64_t rows = logits.size(0), V = logits.size(1);
  const float share = 1 / static_cast<float>(rows);
  float* data = logits.data_ptr<float>();
  const int64_t* target = targets.data_ptr<int64_t>();
  std::vector<double> losses(rows);
  at::parallel_for(0, rows, GrainOf(V), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      losses[row] = kernels::CrossEntropy(data + row * V, target + row, share, 1, V);
  });
  double sum = 0;
  for (const double loss : losses) sum += loss;
  const torch::Tensor loss = torch::full({}, sum / static_cast<double>(rows), input.options());
  return Differentiable(loss, hidden, [=](const torch::Tensor& gradient) {
    const float factor = gradient.item<float>();
    AddProduct(logits.t(), input, factor, GradientOf(table));
    return Product(logits, weight).mul_(factor);
  });
}

}  // namespace edgetp::cpu
