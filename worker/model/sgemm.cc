#include "worker/model/sgemm.h"

#include <dlfcn.h>

#include "worker/model/torch.h"

namespace edgetp {
namespace {

// The BLAS that LibTorch has loaded, by its Fortran name: column-major, everything by address.
using BlasSgemm = void (*)(const char* transpose_a, const char* transpose_b, const int* rows,
                           const int* columns, const int* inner, const float* alpha, const float* a,
                           const int* step_a, const float* b, const int* step_b, const float* beta,
                           float* c, const int* step_c);

// Null where LibTorch keeps its BLAS to itself.
BlasSgemm FindBlas() { return reinterpret_cast<BlasSgemm>(dlsym(RTLD_DEFAULT, "sgemm_")); }

// oneDNN's, row-major; the same in its versions 1 to 3.
using DnnlSgemm = int (*)(char transpose_a, char transpose_b, int64_t rows, int64_t columns,
                          int64_t inner, float alpha, const float* a, int64_t step_a,
                          const float* b, int64_t step_b, float beta, float* c, int64_t step_c);

// Null where LibTorch has none to share, and where its kernels are not for this processor.
DnnlSgemm FindDnnl() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2"))
    return reinterpret_cast<DnnlSgemm>(dlsym(RTLD_DEFAULT, "dnnl_sgemm"));
#endif
  return nullptr;
}

// Multiplications below which a call of oneDNN costs more than it saves.
constexpr int64_t kLarge = 1 << 20;

torch::Tensor AsTensor(const MatrixView& matrix, int64_t rows, int64_t columns) {
  float* const data = const_cast<float*>(matrix.data);
  return matrix.transposed ? torch::from_blob(data, {columns, rows}, {matrix.step, 1}).t()
                           : torch::from_blob(data, {rows, columns}, {matrix.step, 1});
}

}  // namespace

void Multiply(const MatrixView& a, const MatrixView& b, const MutableMatrixView& result,
              int64_t rows, int64_t columns, int64_t inner, const ProductFactors& factors) {
  static const DnnlSgemm dnnl = FindDnnl();
  static const BlasSgemm blas = FindBlas();
  const char transpose_a = a.transposed ? 'T' : 'N', transpose_b = b.transposed ? 'T' : 'N';
  if (dnnl != nullptr && rows * columns * inner >= kLarge &&
      dnnl(transpose_a, transpose_b, rows, columns, inner, factors.product, a.data, a.step, b.data,
           b.step, factors.old_result, result.data, result.step) == 0) {
    return;
  }
  if (blas == nullptr) return MultiplyTensors(a, b, result, rows, columns, inner, factors);
  // A row-major matrix is the transpose of a column-major one: result^T = b^T a^T.
  const int m = static_cast<int>(columns), n = static_cast<int>(rows);
  const int k = static_cast<int>(inner);
  const int step_a = static_cast<int>(a.step), step_b = static_cast<int>(b.step);
  const int step_result = static_cast<int>(result.step);
  blas(&transpose_b, &transpose_a, &m, &n, &k, &factors.product, b.data, &step_b, a.data, &step_a,
       &factors.old_result, result.data, &step_result);
}

void MultiplyTensors(const MatrixView& a, const MatrixView& b, const MutableMatrixView& result,
                     int64_t rows, int64_t columns, int64_t inner, const ProductFactors& factors) {
  torch::NoGradGuard no_grad;
  AsTensor({result.data, result.step}, rows, columns)
      .addmm_(AsTensor(a, rows, inner), AsTensor(b, inner, columns), factors.old_result,
              factors.product);
}

}  // namespace edgetp
