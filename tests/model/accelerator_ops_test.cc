// What accelerators compute with, on the CPU: each way is the same function as the plain one.
#include <torch/version.h>

#include <vector>

#include "common/plan/parameters.h"
#include "tests/model/model_fixture.h"
#include "worker/model/adamw.h"
#include "worker/model/attention.h"
#include "worker/model/cpu_ops.h"
#include "worker/model/parallel_linear.h"

namespace edgetp::test {
namespace {

// As on an accelerator, for as long as this lives.
class WithoutHostKernels {
 public:
  WithoutHostKernels() { cpu::enabled = false; }
  ~WithoutHostKernels() { cpu::enabled = before_; }

 private:
  const bool before_ = cpu::enabled;
};

constexpr bool kHasFusedAttention = TORCH_VERSION_MAJOR >= 2;
constexpr bool kHasFusedAdamW =
    TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4);

std::vector<AttentionWay> WaysToAttend() {
  std::vector<AttentionWay> ways = {AttentionWay::kHost};
  if (kHasFusedAttention) ways.push_back(AttentionWay::kFused);
  return ways;
}

struct Attended {
  torch::Tensor output, gradient;
};

Attended Attend(AttentionWay way, const torch::Tensor& input, int64_t batch, int64_t heads) {
  const torch::Tensor projected = input.clone().requires_grad_(true);
  Attention attention;
  attention.heads = heads;
  attention.head_size = projected.size(1) / 3 / heads;
  attention.causal_mask = CausalMask(8, torch::kCPU);
  const ForwardPass pass{.batch = batch, .sequence = projected.size(0) / batch};
  const torch::Tensor output = attention.Attend(way, projected, pass);
  torch::manual_seed(2);
  output.backward(torch::randn(output.sizes()).to(output.scalar_type()));
  return {output.detach(), projected.grad()};
}

TEST(AttentionWaysTest, EachWayIsThePlainFunctionWithThePlainGradients) {
  for (const int64_t T : {1, 5, 8, 300}) {
    torch::manual_seed(1);
    const torch::Tensor input = torch::randn({2 * T, 3 * 2 * 16});
    const Attended plain = Attend(AttentionWay::kPlain, input, 2, 2);
    for (const AttentionWay way : WaysToAttend()) {
      const Attended got = Attend(way, input, 2, 2);
      EXPECT_LT(Difference(got.output, plain.output), 1e-5) << T;
      EXPECT_LT(Difference(got.gradient, plain.gradient), 1e-5) << T;
    }
  }
}

TEST(AttentionWaysTest, NoPositionSeesALaterOne) {
  for (const AttentionWay way : WaysToAttend()) {
    torch::manual_seed(1);
    torch::Tensor input = torch::randn({6, 3 * 16});
    const torch::Tensor before = Attend(way, input, 1, 2).output;
    input.narrow(0, 4, 2).add_(1);
    EXPECT_LT(Difference(Attend(way, input, 1, 2).output.narrow(0, 0, 4), before.narrow(0, 0, 4)),
              1e-6);
  }
}

TEST(AttentionWaysTest, OfBf16TheFusedOneStaysInIt) {
  if (!kHasFusedAttention) return;  // there is nothing of the kind
  torch::manual_seed(1);
  const torch::Tensor input = torch::randn({2 * 20, 3 * 2 * 16}).to(torch::kBFloat16);
  const Attended plain = Attend(AttentionWay::kPlain, input.to(torch::kFloat), 2, 2);
  const Attended got = Attend(AttentionWay::kFused, input, 2, 2);
  EXPECT_EQ(got.output.scalar_type(), torch::kBFloat16);
  EXPECT_LT(Difference(got.output.to(torch::kFloat), plain.output), 0.05);
  EXPECT_LT(Difference(got.gradient.to(torch::kFloat), plain.gradient), 0.1);
}

TEST(AttentionWaysTest, DropoutIsPlainAndTheHostsOwnComesFirst) {
  const torch::Tensor floats = torch::zeros({1, 3});
  const WithoutHostKernels as_on_an_accelerator;
  const AttentionWay best = kHasFusedAttention ? AttentionWay::kFused : AttentionWay::kPlain;
  EXPECT_EQ(ChooseAttention(floats, /*dropout=*/false), best);
  EXPECT_EQ(ChooseAttention(floats, /*dropout=*/true), AttentionWay::kPlain);
  cpu::enabled = true;
  EXPECT_EQ(ChooseAttention(floats, /*dropout=*/false), AttentionWay::kHost);
  EXPECT_EQ(ChooseAttention(floats, /*dropout=*/true), AttentionWay::kPlain);
  EXPECT_EQ(ChooseAttention(floats.to(torch::kBFloat16), /*dropout=*/false), best);
}

// What a linear returns, and the gradients of its input, weight and bias.
std::vector<torch::Tensor> RunLinear(Precision precision, Reader reader,
                                     torch::ScalarType input_type) {
  torch::manual_seed(3);
  const torch::Tensor x = torch::randn({12, 8}).to(input_type).requires_grad_(true);
  const torch::Tensor weight = torch::randn({8, 4}).requires_grad_(true);
  const torch::Tensor bias = torch::randn({4}).requires_grad_(true);
  for (const torch::Tensor& parameter : {weight, bias})
    parameter.mutable_grad() = torch::zeros_like(parameter.detach());
  const torch::Tensor y = Linear(x, weight, bias, nullptr, precision, reader);
  y.backward(torch::randn({12, 4}).to(y.scalar_type()));
  return {y.detach(), x.grad(), weight.grad(), bias.grad()};
}

TEST(LinearTest, WithoutHostKernelsTheBiasIsPartOfTheProduct) {
  const auto want = RunLinear(Precision::kFp32, Reader::kProduct, torch::kFloat);
  const WithoutHostKernels as_on_an_accelerator;
  const auto got = RunLinear(Precision::kFp32, Reader::kProduct, torch::kFloat);
  for (size_t i = 0; i < want.size(); ++i) EXPECT_LT(Difference(got[i], want[i]), 1e-5) << i;
}

TEST(LinearTest, InBf16WhatAProductReadsStaysNarrowAndWhatIsAddedIsFloat) {
  const auto want = RunLinear(Precision::kFp32, Reader::kProduct, torch::kFloat);
  const WithoutHostKernels as_on_an_accelerator;
  for (const Reader reader : {Reader::kFloat, Reader::kProduct}) {
    for (const torch::ScalarType type : {torch::kFloat, torch::kBFloat16}) {
      const auto got = RunLinear(Precision::kBf16, reader, type);
      EXPECT_EQ(got[0].scalar_type(),
                reader == Reader::kProduct ? torch::kBFloat16 : torch::kFloat);
      EXPECT_EQ(got[1].scalar_type(), type);
      EXPECT_EQ(got[2].scalar_type(), torch::kFloat);
      EXPECT_EQ(got[3].scalar_type(), torch::kFloat);
      for (size_t i = 0; i < want.size(); ++i)
        EXPECT_LT(Difference(got[i].to(torch::kFloat), want[i]), 0.2) << i;
    }
  }
}

// Values, moments and gradients after three updates.
std::vector<torch::Tensor> Updated(AdamWWay way, double gradient_scale) {
  const ModelShape shape{1, 2, 8, 4, 11, true};
  ParameterStore store(Gpt2Parameters(shape, *Pattern::Parse("t", 0), false),
                       (*BuildShardMap(shape, 1, {}))[0], torch::kCPU);
  torch::manual_seed(4);
  torch::NoGradGuard no_grad;
  store.values().copy_(torch::randn_like(store.values()));
  for (int step = 0; step < 3; ++step) {
    store.gradients().copy_(torch::randn_like(store.values()));
    ApplyAdamW(way, {}, {step, 0.1, gradient_scale}, store);
  }
  return {store.values(), store.exp_avg(), store.exp_avg_sq(), store.gradients()};
}

TEST(AdamWWaysTest, EachWayIsTheSameFunction) {
  std::vector<AdamWWay> ways = {AdamWWay::kPlain};
  if (kHasFusedAdamW) ways.push_back(AdamWWay::kFused);
  for (const double scale : {1.0, 0.25}) {
    const auto want = Updated(AdamWWay::kHost, scale);
    for (const AdamWWay way : ways) {
      const auto got = Updated(way, scale);
      for (size_t i = 0; i < 3; ++i) EXPECT_LT(Difference(got[i], want[i]), 2e-6) << i;
      const double left = way == AdamWWay::kFused ? scale : 1;  // what the header says
      EXPECT_LT(Difference(got[3], want[3] * left), 1e-6);
    }
  }
}

TEST(AdamWWaysTest, TheHostsOwnComesFirst) {
  const torch::Tensor values = torch::zeros({4});
  const WithoutHostKernels as_on_an_accelerator;
  EXPECT_EQ(ChooseAdamW(values), kHasFusedAdamW ? AdamWWay::kFused : AdamWWay::kPlain);
  cpu::enabled = true;
  EXPECT_EQ(ChooseAdamW(values), AdamWWay::kHost);
}

}  // namespace
}  // namespace edgetp::test
