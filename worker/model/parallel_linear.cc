#include "worker/model/parallel_linear.h"

#include "worker/model/differentiable.h"
#include "worker/model/products.h"

namespace edgetp {
namespace {

// On accelerators the bias is added by the product itself. On CPUs afterwards, and in fp32.
// Shapes: x (rows, in), weight (in, out), bias (out) or undefined -> (rows, out).
torch::Tensor Forward(const torch::Tensor& x, const torch::Tensor& weight,
                      const torch::Tensor& bias, Precision precision, Reader reader) {
  if (cpu::Takes(weight)) {
    torch::Tensor y = Product(x, weight, precision);
    return bias.defined() ? y.add_(bias) : y;
  }
  const torch::Tensor matrix = Operand(weight, precision);
  const torch::Tensor y =
      bias.defined() ? torch::addmm(Operand(bias, precision), x, matrix) : torch::mm(x, matrix);
  return reader == Reader::kProduct ? y : y.to(torch::kFloat);
}

}  // namespace

torch::Tensor Linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     DeferredProducts* products, Precision precision, Reader reader) {
  const torch::Tensor input = Operand(x.detach(), precision);
  torch::Tensor y = Forward(input, weight.detach(),
                            bias.defined() ? bias.detach() : torch::Tensor(), precision, reader);
  const torch::ScalarType type = x.scalar_type();
  return Differentiable(std::move(y), x, [=](const torch::Tensor& of_result) {
    const torch::Tensor gradient = Operand(of_result, precision);
    const auto add_weight_gradients = [=] {
      AddProduct(input.t(), gradient, 1, GradientOf(weight), precision);
      if (bias.defined()) GradientOf(bias).add_(of_result.sum(0, /*keepdim=*/false, torch::kFloat));
    };
    if (products == nullptr) {
      add_weight_gradients();
    } else {
      products->Do(add_weight_gradients);
    }
    const torch::Tensor matrix = Operand(weight.detach(), precision).t();
    return type == torch::kFloat ? Product(gradient, matrix, precision)
                                 : Bf16Product(gradient, matrix);
  });
}

}  // namespace edgetp
