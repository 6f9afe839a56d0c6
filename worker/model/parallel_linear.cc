#include "worker/model/parallel_linear.h"

#include "worker/model/differentiable.h"
#include "worker/model/products.h"

namespace edgetp {

torch::Tensor Linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     DeferredProducts* products, Precision precision) {
  const torch::Tensor input = x.detach(), matrix = weight.detach();
  torch::Tensor y = Product(input, matrix, precision);
  if (bias.defined()) y.add_(bias.detach());
  return Differentiable(std::move(y), x, [=](const torch::Tensor& gradient) {
    const auto add_weight_gradients = [=] {
      AddProduct(input.t(), gradient, 1, GradientOf(weight), precision);
      if (bias.defined()) GradientOf(bias).add_(gradient.sum(0));
    };
    if (products == nullptr) {
      add_weight_gradients();
    } else {
      products->Do(add_weight_gradients);
    }
    return Product(gradient, matrix.t(), precision);
  });
}

}  // namespace edgetp
