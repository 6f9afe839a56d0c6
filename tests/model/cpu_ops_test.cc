// The operations with hand-written backward passes against LibTorch's own in double precision:
// results, gradients, and independence of the number of threads.
#include "worker/model/cpu_ops.h"

#include <ATen/Parallel.h>

#include "tests/model/model_fixture.h"
#include "worker/model/parallel_linear.h"

namespace edgetp::test {
namespace {

using Tensors = std::vector<torch::Tensor>;
using Function = std::function<torch::Tensor(const Tensors&)>;

// A leaf whose gradient accumulates in a tensor that is there already, as in the ParameterStore.
torch::Tensor Leaf(const torch::Tensor& values) {
  torch::Tensor leaf = values.detach().clone().set_requires_grad(true);
  leaf.mutable_grad() = torch::zeros_like(values);
  return leaf;
}

// The result and every input's gradient, of a loss that weighs each element of the result.
Tensors Backpropagate(const Function& function, const Tensors& inputs, torch::ScalarType type) {
  Tensors leaves;
  for (const torch::Tensor& input : inputs) leaves.push_back(Leaf(input.to(type)));
  const torch::Tensor result = function(leaves);
  const torch::Tensor weights =
      torch::sin(torch::arange(result.numel(), torch::kDouble)).view(result.sizes()).to(type);
  (result * weights).sum().backward();
  Tensors all = {result.detach().to(torch::kDouble)};
  for (const torch::Tensor& leaf : leaves) all.push_back(leaf.grad().to(torch::kDouble));
  return all;
}

void ExpectSame(const Function& ours, const Function& plain, const Tensors& inputs,
                double tolerance) {
  const Tensors got = Backpropagate(ours, inputs, torch::kFloat);
  const Tensors want = Backpropagate(plain, inputs, torch::kDouble);
  for (size_t i = 0; i < want.size(); ++i) {
    const double scale = std::max(1.0, want[i].abs().max().item<double>());
    EXPECT_LT(Difference(got[i], want[i]), tolerance * scale)
        << (i == 0 ? std::string("result") : "gradient " + std::to_string(i - 1));
  }
}

// Something between inputs and operation, as an operation may overwrite what it is given.
torch::Tensor Fresh(const torch::Tensor& x) { return x * 1; }

TEST(CpuOpsTest, GeluIsLibTorchsFromFarBelowZeroToFarAbove) {
  for (const GeluKind kind : {GeluKind::kErf, GeluKind::kTanh}) {
    const std::string name = kind == GeluKind::kErf ? "none" : "tanh";
    ExpectSame([&](const Tensors& in) { return cpu::Gelu(Fresh(in[0]), kind); },
               [&](const Tensors& in) { return torch::gelu(in[0], name); },
               {torch::linspace(-30, 30, 2401, torch::kDouble).view({7, 343})}, 1e-6);
  }
}

TEST(CpuOpsTest, LayerNormIsLibTorchsWithAndWithoutBias) {
  torch::manual_seed(1);
  for (const int64_t C : {1, 5, 16, 33, 128}) {
    for (const bool biased : {true, false}) {
      const Tensors inputs = {torch::randn({130, C}, torch::kDouble) * 3 + 1,
                              torch::randn({C}, torch::kDouble), torch::randn({C}, torch::kDouble)};
      auto bias = [&](const Tensors& in) { return biased ? in[2] : torch::Tensor(); };
      ExpectSame(
          [&](const Tensors& in) { return cpu::LayerNorm(in[0], in[1], bias(in), 1e-5); },
          [&](const Tensors& in) { return torch::layer_norm(in[0], {C}, in[1], bias(in), 1e-5); },
          inputs, 2e-5);
    }
  }
}

torch::Tensor PlainAttention(const torch::Tensor& qkv, int64_t heads, int64_t T) {
  const int64_t B = qkv.size(0) / T, D = qkv.size(1) / 3 / heads;
  const auto parts = qkv.view({B, T, 3, heads, D}).permute({2, 0, 3, 1, 4}).unbind(0);
  const torch::Tensor scores =
      torch::matmul(parts[0], parts[1].transpose(2, 3)) / std::sqrt(static_cast<double>(D));
  const torch::Tensor hidden = torch::ones({T, T}, torch::kBool).triu(1);
  const torch::Tensor weights =
      torch::softmax(scores.masked_fill(hidden, -std::numeric_limits<double>::infinity()), -1);
  return torch::matmul(weights, parts[2]).transpose(1, 2).reshape({B * T, heads * D});
}

TEST(CpuOpsTest, AttentionIsThePlainFormulaAtEveryLength) {
  torch::manual_seed(2);
  // The longer ones keep no weights, and have blocks of several sizes.
  for (const int64_t T : {1, 2, 15, 16, 17, 40, 64, 257, 384, 401}) {
    for (const int64_t heads : {1, 3}) {
      const Tensors inputs = {torch::randn({2 * T, 3 * heads * 8}, torch::kDouble) * 2};
      ExpectSame([&](const Tensors& in) { return cpu::Attend(in[0], heads, T); },
                 [&](const Tensors& in) { return PlainAttention(in[0], heads, T); }, inputs, 5e-6);
    }
  }
}

TEST(CpuOpsTest, AttentionOfGreatScoresStaysFinite) {
  const torch::Tensor qkv = torch::full({4, 3}, 1e4, torch::kFloat);
  EXPECT_TRUE(cpu::Attend(qkv, 1, 4).equal(torch::full({4, 1}, 1e4)));
}

TEST(CpuOpsTest, EmbeddingAddsTheRowsOfBothTablesAndTheirGradients) {
  torch::manual_seed(3);
  const torch::Tensor tokens = torch::randint(7, {3, 5}, torch::kLong);  // some occur repeatedly
  const Tensors inputs = {torch::randn({7, 9}, torch::kDouble),
                          torch::randn({6, 9}, torch::kDouble)};
  ExpectSame([&](const Tensors& in) { return cpu::Embed(tokens, in[0], in[1]); },
             [&](const Tensors& in) {
               return (torch::embedding(in[0], tokens) + in[1].narrow(0, 0, 5)).view({15, 9});
             },
             inputs, 1e-6);
}

TEST(CpuOpsTest, HeadLossIsTheCrossEntropyOfTheProduct) {
  torch::manual_seed(4);
  for (const int64_t V : {2, 16, 65}) {
    const torch::Tensor targets = torch::randint(V, {40}, torch::kLong);
    const Tensors inputs = {torch::randn({40, 12}, torch::kDouble) * 4,
                            torch::randn({V, 12}, torch::kDouble)};
    ExpectSame([&](const Tensors& in) { return cpu::HeadLoss(in[0], in[1], targets); },
               [&](const Tensors& in) {
                 return torch::cross_entropy_loss(torch::mm(in[0], in[1].t()), targets);
               },
               inputs, 1e-6);
  }
}

TEST(CpuOpsTest, LinearAddsToTheGradientsThatAreThere) {
  torch::manual_seed(5);
  const Tensors inputs = {torch::randn({6, 5}, torch::kDouble),
                          torch::randn({5, 3}, torch::kDouble), torch::randn({3}, torch::kDouble)};
  auto twice = [](auto linear) {
    return [linear](const Tensors& in) {
      return linear(in[0], in[1], in[2]) + 2 * linear(in[0] * 2, in[1], in[2]);
    };
  };
  ExpectSame(twice([](const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& b) {
               return Linear(x, w, b);
             }),
             twice([](const torch::Tensor& x, const torch::Tensor& w, const torch::Tensor& b) {
               return torch::addmm(b, x, w);
             }),
             inputs, 1e-6);
}

TEST(CpuOpsTest, ProductsOfEverySizeAndTranspositionAreLibTorchs) {
  torch::manual_seed(7);
  for (const int64_t rows : {1, 7, 300}) {  // the last is large enough for the other library
    const torch::Tensor a = torch::randn({rows, 65}), b = torch::randn({65, 130});
    const torch::Tensor want = torch::mm(a.to(torch::kDouble), b.to(torch::kDouble));
    for (const torch::Tensor& left : {a, a.t().contiguous().t()}) {
      for (const torch::Tensor& right : {b, b.t().contiguous().t()}) {
        EXPECT_LT(Difference(cpu::Product(left, right).to(torch::kDouble), want), 1e-4);
        const torch::Tensor sum = torch::ones({rows, 130});
        cpu::AddProduct(left, right, 2, sum);
        EXPECT_LT(Difference(sum.to(torch::kDouble), want * 2 + 1), 1e-4);
      }
    }
  }
}

TEST(CpuOpsTest, TheNumberOfThreadsChangesNoBit) {
  torch::manual_seed(6);
  const int threads = at::get_num_threads();
  const Tensors inputs = {torch::randn({1056, 96}), torch::randn({96}), torch::randn({96})};
  auto run = [&](int count) {
    at::set_num_threads(count);
    return Backpropagate(
        [](const Tensors& in) {
          const torch::Tensor normed = cpu::LayerNorm(in[0], in[1], in[2], 1e-5);
          return cpu::Gelu(cpu::Attend(normed, 4, 66) + cpu::Attend(normed, 4, 264),
                           GeluKind::kErf);
        },
        inputs, torch::kFloat);
  };
  const Tensors one = run(1), three = run(3);
  at::set_num_threads(threads);
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(one[i].equal(three[i])) << i;
}

}  // namespace
}  // namespace edgetp::test
