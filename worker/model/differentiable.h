// An operation with a hand-written backward pass: what autograd would derive from several small
// operations, as one. Used by the model's own operations. Like all of autograd, one thread at a
// time.
#pragma once

#include <functional>

#include "worker/model/torch.h"

namespace edgetp {

// From the gradient of the operation's result to that of its input.
using Backward = std::function<torch::Tensor(torch::Tensor gradient)>;

// `result`, a fresh tensor, as autograd is to see it: made from `input` by an operation whose
// backward pass is `backward`. `input` may be undefined: an operation on something that has no
// gradient, such as tokens. Without gradient mode just `result`. `backward` is called at most once,
// and what it holds is released after it.
torch::Tensor Differentiable(torch::Tensor result, const torch::Tensor& input, Backward backward);

// Where the gradient of a parameter accumulates; undefined for a tensor without one.
inline torch::Tensor GradientOf(const torch::Tensor& parameter) {
  return parameter.requires_grad() ? parameter.grad() : torch::Tensor();
}

}  // namespace edgetp
