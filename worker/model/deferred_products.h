// The products for the gradients of weights, which nothing in the backward pass needs. Where they are
// put off, they are what hides the exchange of the gradient of a region's input (docs/patterns.md,
// overlap DW). Used by one thread at a time, autograd's.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace edgetp {

class DeferredProducts {
 public:
  using Product = std::function<void()>;

  explicit DeferredProducts(bool defers) : defers_(defers) {}

  bool defers() const { return defers_; }
  bool empty() const { return products_.empty(); }

  // Runs `product` at once, or, where products are deferred, keeps it, and what it holds, until Run.
  void Do(Product product) {
    if (defers_) {
      products_.push_back(std::move(product));
    } else {
      product();
    }
  }

  // Runs what was put off, each once, in the order in which it came. What is left when one throws
  // never runs.
  void Run() {
    const std::vector<Product> products = std::exchange(products_, {});
    for (const Product& product : products) product();
  }

  // What was put off for an exchange that will not come.
  void Drop() { products_.clear(); }

 private:
  const bool defers_;
  std::vector<Product> products_;
};

}  // namespace edgetp
