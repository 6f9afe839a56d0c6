// Products of matrices in host memory, which may lie inside larger ones. Large ones go to oneDNN
// where LibTorch brings it, as it is faster than OpenBLAS on the shapes of a transformer; small
// ones and all others straight to the BLAS. Row-major. Thread-safe.
#pragma once

#include <cstdint>

namespace edgetp {

// A matrix or its transpose. `step` lies between the starts of two rows in memory.
struct MatrixView {
  const float* data;
  int64_t step;
  bool transposed = false;
};

struct MutableMatrixView {
  float* data;
  int64_t step;
};

struct ProductFactors {
  float product = 1;
  float old_result = 0;
};

// result = factors.product * a b + factors.old_result * result.
// Shapes: a (rows, inner), b (inner, columns), result (rows, columns), each after its
// transposition.
void Multiply(const MatrixView& a, const MatrixView& b, const MutableMatrixView& result,
              int64_t rows, int64_t columns, int64_t inner, const ProductFactors& factors = {});

// The same by LibTorch's own operation: what is left where it shows neither oneDNN nor a BLAS.
void MultiplyTensors(const MatrixView& a, const MatrixView& b, const MutableMatrixView& result,
                     int64_t rows, int64_t columns, int64_t inner, const ProductFactors& factors);

}  // namespace edgetp
