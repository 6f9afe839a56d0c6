// Products of matrices inside larger ones, transposed or not, small (BLAS), large (oneDNN) and by
// LibTorch.
#include "worker/model/sgemm.h"

#include "tests/model/model_fixture.h"

namespace edgetp::test {
namespace {

struct Sizes {
  int64_t rows, columns, inner;
};

// A (rows, columns) matrix with room to its right, and as a tensor; `transposed` is how it lies.
struct Matrix {
  Matrix(int64_t rows, int64_t columns, bool transposed)
      : memory(torch::randn({transposed ? columns : rows, (transposed ? rows : columns) + 3})),
        tensor(memory.narrow(1, 0, transposed ? rows : columns)),
        view{memory.data_ptr<float>(), memory.size(1), transposed} {
    if (transposed) tensor = tensor.t();
  }
  torch::Tensor memory, tensor;
  MatrixView view;
};

using Product = void (*)(const MatrixView&, const MatrixView&, const MutableMatrixView&, int64_t,
                         int64_t, int64_t, const ProductFactors&);

void ExpectProduct(Product multiply, const Sizes& sizes, bool transpose_a, bool transpose_b) {
  const Matrix a(sizes.rows, sizes.inner, transpose_a);
  const Matrix b(sizes.inner, sizes.columns, transpose_b);
  Matrix c(sizes.rows, sizes.columns, false);
  const torch::Tensor margin = c.memory.narrow(1, sizes.columns, 3).clone();
  const torch::Tensor want =
      0.5 * a.tensor.to(torch::kDouble).mm(b.tensor.to(torch::kDouble)) + 2 * c.tensor;
  multiply(a.view, b.view, {c.memory.data_ptr<float>(), c.memory.size(1)}, sizes.rows,
           sizes.columns, sizes.inner, {.product = 0.5, .old_result = 2});
  EXPECT_LT(Difference(c.tensor.to(torch::kDouble), want), 1e-4);
  EXPECT_TRUE(torch::equal(c.memory.narrow(1, sizes.columns, 3), margin)) << "beside the result";
}

TEST(SgemmTest, EveryWayGivesTheProductAndLeavesWhatLiesBesideIt) {
  torch::manual_seed(1);
  for (const Product multiply : {&Multiply, &MultiplyTensors}) {
    for (const Sizes& sizes : {Sizes{3, 5, 7}, Sizes{130, 110, 120}}) {
      for (const bool transpose_a : {false, true}) {
        for (const bool transpose_b : {false, true})
          ExpectProduct(multiply, sizes, transpose_a, transpose_b);
      }
    }
  }
}

}  // namespace
}  // namespace edgetp::test
