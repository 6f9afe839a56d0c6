#include "worker/model/adamw.h"

#include <algorithm>
#include <cmath>

namespace edgetp {
namespace {

// The passes over one piece find it in a core's L2 cache: 5 buffers x 64 KiB. An accelerator
// prefers one long piece.
constexpr int64_t kPieceElements = 16 * 1024;

struct Piece {
  torch::Tensor value, gradient, exp_avg, exp_avg_sq, scratch;
};

void UpdatePiece(const AdamWOptions& options, const AdamWUpdate& update, bool decays, Piece piece) {
  const double correction1 = 1 - std::pow(options.beta1, update.step + 1);
  const double correction2 = 1 - std::pow(options.beta2, update.step + 1);
  const double scale = update.gradient_scale;
  if (decays) piece.value.mul_(1 - update.learning_rate * options.weight_decay);
  piece.exp_avg.mul_(options.beta1).add_(piece.gradient, (1 - options.beta1) * scale);
  piece.exp_avg_sq.mul_(options.beta2)
      .addcmul_(piece.gradient, piece.gradient, (1 - options.beta2) * scale * scale);
  torch::sqrt_out(piece.scratch, piece.exp_avg_sq);
  piece.scratch.div_(std::sqrt(correction2)).add_(options.epsilon);
  piece.value.addcdiv_(piece.exp_avg, piece.scratch, -update.learning_rate / correction1);
}

}  // namespace

void ApplyAdamW(const AdamWOptions& options, const AdamWUpdate& update, ParameterStore& store) {
  torch::NoGradGuard no_grad;
  const torch::Tensor values = store.values().detach();
  const int64_t longest =
      values.device().is_cpu() ? kPieceElements : std::max<int64_t>(1, values.numel());
  const torch::Tensor scratch = torch::empty({std::min(longest, values.numel())}, values.options());
  for (const ParameterRange& range : store.ranges()) {
    for (int64_t begin = 0; begin < range.size; begin += longest) {
      const int64_t size = std::min(longest, range.size - begin);
      auto cut = [&](const torch::Tensor& flat) {
        return flat.narrow(0, range.begin + begin, size);
      };
      UpdatePiece(options, update, range.decays,
                  {cut(values), cut(store.gradients()), cut(store.exp_avg()),
                   cut(store.exp_avg_sq()), scratch.narrow(0, 0, size)});
    }
  }
}

}  // namespace edgetp
