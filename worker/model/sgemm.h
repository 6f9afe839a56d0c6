// Products of small matrices that lie inside larger ones, straight from the BLAS: LibTorch would
// copy them first. Row-major. Thread-safe.
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

// result = a b. Shapes: a (rows, inner), b (inner, columns), result (rows, columns), each after
// its transposition.
void Multiply(const MatrixView& a, const MatrixView& b, const MutableMatrixView& result,
              int64_t rows, int64_t columns, int64_t inner);

}  // namespace edgetp
