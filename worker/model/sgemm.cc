#include "worker/model/sgemm.h"

// The BLAS that LibTorch was built with, by its Fortran name: column-major, everything by address.
extern "C" void sgemm_(const char* transpose_a, const char* transpose_b, const int* rows,
                       const int* columns, const int* inner, const float* alpha, const float* a,
                       const int* step_a, const float* b, const int* step_b, const float* beta,
                       float* c, const int* step_c);

namespace edgetp {

void Multiply(const MatrixView& a, const MatrixView& b, const MutableMatrixView& result,
              int64_t rows, int64_t columns, int64_t inner) {
  // A row-major matrix is the transpose of a column-major one: result^T = b^T a^T.
  const int m = static_cast<int>(columns), n = static_cast<int>(rows);
  const int k = static_cast<int>(inner);
  const int step_a = static_cast<int>(a.step), step_b = static_cast<int>(b.step);
  const int step_result = static_cast<int>(result.step);
  const float one = 1, zero = 0;
  sgemm_(b.transposed ? "T" : "N", a.transposed ? "T" : "N", &m, &n, &k, &one, b.data, &step_b,
         a.data, &step_a, &zero, result.data, &step_result);
}

}  // namespace edgetp
