#include "worker/model/adamw.h"

#include <ATen/Parallel.h>
#include <torch/version.h>

#include <cmath>
#include <stdexcept>

#include "worker/model/cpu_ops.h"
#include "worker/model/kernels.h"

namespace edgetp {
namespace {

// Work that is worth a thread of its own.
constexpr int64_t kElementsPerThread = 64 * 1024;

// Earlier ones have it for GPUs alone, with other arguments.
constexpr bool kHasFusedAdamW =
    TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4);

struct Buffers {
  torch::Tensor value, gradient, exp_avg, exp_avg_sq;
};

void UpdateOnHost(const kernels::AdamWFactors& factors, const Buffers& on) {
  float* value = on.value.data_ptr<float>();
  const float* gradient = on.gradient.data_ptr<float>();
  float *exp_avg = on.exp_avg.data_ptr<float>(), *exp_avg_sq = on.exp_avg_sq.data_ptr<float>();
  at::parallel_for(0, on.value.numel(), kElementsPerThread, [&](int64_t begin, int64_t end) {
    kernels::AdamW(factors, gradient + begin, value + begin, exp_avg + begin, exp_avg_sq + begin,
                   end - begin);
  });
}

// `scale` is undefined where gradients are taken as they are.
void UpdateFused(const AdamWOptions& options, const AdamWUpdate& update, bool decays,
                 const torch::Tensor& scale, const Buffers& on) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  const torch::Tensor step =
      torch::full({}, static_cast<double>(update.step + 1), on.value.options());
  at::_fused_adamw_(on.value, on.gradient, on.exp_avg, on.exp_avg_sq, /*max_exp_avg_sqs=*/{}, step,
                    update.learning_rate, options.beta1, options.beta2,
                    decays ? options.weight_decay : 0, options.epsilon, /*amsgrad=*/false,
                    /*maximize=*/false,
                    scale.defined() ? std::optional<torch::Tensor>(scale) : std::nullopt);
#else
  throw std::logic_error("AdamW: this LibTorch has no fused one");
#endif
}

void UpdatePlain(const kernels::AdamWFactors& factors, const Buffers& on) {
  on.exp_avg.mul_(factors.beta1).add_(on.gradient, factors.share1);
  on.exp_avg_sq.mul_(factors.beta2).addcmul_(on.gradient, on.gradient, factors.share2);
  const torch::Tensor divisor = on.exp_avg_sq.sqrt().div_(factors.correction).add_(factors.epsilon);
  on.value.mul_(factors.decay).addcdiv_(on.exp_avg, divisor, -factors.rate);
}

kernels::AdamWFactors FactorsOf(const AdamWOptions& options, const AdamWUpdate& update,
                                bool decays) {
  const double scale = update.gradient_scale;
  const double correction1 = 1 - std::pow(options.beta1, update.step + 1);
  const double correction2 = 1 - std::pow(options.beta2, update.step + 1);
  kernels::AdamWFactors factors;
  if (decays) factors.decay = static_cast<float>(1 - update.learning_rate * options.weight_decay);
  factors.beta1 = static_cast<float>(options.beta1);
  factors.beta2 = static_cast<float>(options.beta2);
  factors.share1 = static_cast<float>((1 - options.beta1) * scale);
  factors.share2 = static_cast<float>((1 - options.beta2) * scale * scale);
  factors.correction = static_cast<float>(std::sqrt(correction2));
  factors.epsilon = static_cast<float>(options.epsilon);
  factors.rate = static_cast<float>(update.learning_rate / correction1);
  return factors;
}

}  // namespace

AdamWWay ChooseAdamW(const torch::Tensor& values) {
  if (cpu::Takes(values)) return AdamWWay::kHost;
  return kHasFusedAdamW ? AdamWWay::kFused : AdamWWay::kPlain;
}

void ApplyAdamW(AdamWWay way, const AdamWOptions& options, const AdamWUpdate& update,
                ParameterStore& store) {
  torch::NoGradGuard no_grad;
  const torch::Tensor values = store.values().detach();
  torch::Tensor divisor;  // of gradients, as LibTorch takes it
  if (way == AdamWWay::kFused && update.gradient_scale != 1)
    divisor = torch::full({}, 1 / update.gradient_scale, values.options());
  for (const ParameterRange& range : store.ranges()) {
    if (range.size == 0) continue;
    const Buffers buffers{range.Of(values), range.Of(store.gradients()), range.Of(store.exp_avg()),
                          range.Of(store.exp_avg_sq())};
    const auto factors = FactorsOf(options, update, range.decays);
    if (way == AdamWWay::kHost) UpdateOnHost(factors, buffers);
    if (way == AdamWWay::kPlain) UpdatePlain(factors, buffers);
    if (way == AdamWWay::kFused) UpdateFused(options, update, range.decays, divisor, buffers);
  }
}

}  // namespace edgetp
