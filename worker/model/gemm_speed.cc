
#include <ATen/Parallel.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "worker/model/device.h"
#include "worker/model/torch.h"
#include "worker/model/trainer.h"

namespace edgetp {

double MeasureGemmSeconds(const GemmShape& shape, const std::function<double()>& now_seconds,
                          const std::string& device) {
  constexpr double kBudgetSeconds = 0.2;
  constexpr size_t kMinRepeats = 5;
  constexpr size_t kMaxRepeats = 1000;
  torch::NoGradGuard no_grad;
  const auto options = torch::TensorOptions().dtype(torch::kFloat).device(torch::Device(device));
  const torch::Tensor a = torch::ones({shape.rows, shape.inner}, options);
  const torch::Tensor b = torch::ones({shape.inner, shape.columns}, options);
  torch::Tensor product = torch::empty({shape.rows, shape.columns}, options);
  torch::mm_out(product, a, b);  // wakes up the BLAS
  AwaitDevice(device);
  std::vector<double> seconds;
  const double begin = now_seconds();
  while (seconds.size() < kMinRepeats ||
         (now_seconds() - begin < kBudgetSeconds && seconds.size() < kMaxRepeats)) {
    const double start = now_seconds();
    torch::mm_out(product, a, b);
    AwaitDevice(device);
    seconds.push_back(now_seconds() - start);
  }
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  return seconds[seconds.size() / 2];
}

double MeasureGemmGflops(const std::function<double()>& now_seconds) {
  constexpr int64_t kSize =
      512;  // large enough for any BLAS to reach its speed, small enough to take milliseconds
  constexpr int kRepeats =
      5;  // the best one: the first wakes up the BLAS, others may be interrupted
  torch::NoGradGuard no_grad;
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const torch::Tensor a = torch::ones({kSize, kSize});
  torch::Tensor product = torch::empty({kSize, kSize});
  double best_seconds = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kRepeats; ++i) {
    const double start = now_seconds();
    torch::mm_out(product, a, a);
    best_seconds = std::min(best_seconds, now_seconds() - start);
  }
  at::set_num_threads(threads);
  return 2.0 * kSize * kSize * kSize / best_seconds * 1e-9;
}

}  // namespace edgetp
