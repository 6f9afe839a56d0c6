#include "worker/model/dropout.h"

#include <ATen/Context.h>

#include "common/base/random.h"

namespace edgetp {
namespace {

// A generator of our own: the process-wide one is shared by everything that runs in this process.
at::Generator MakeGenerator(const torch::Device& device, uint64_t seed) {
  at::Generator generator = at::globalContext().defaultGenerator(device).clone();
  generator.set_current_seed(seed);
  return generator;
}

torch::Tensor Drop(const torch::Tensor& x, const ForwardPass& pass, int layer, DropoutSite site,
                   uint64_t owner) {
  if (pass.dropout == 0) return x;
  const uint64_t key = RandomBits(pass.dropout_key, static_cast<uint64_t>(layer + 1),
                                  static_cast<uint64_t>(site), owner);
  const double keep = 1 - pass.dropout;
  torch::Tensor mask = torch::empty_like(x, torch::TensorOptions().requires_grad(false));
  mask.bernoulli_(keep, MakeGenerator(x.device(), key)).div_(keep);
  return x * mask;
}

}  // namespace

torch::Tensor DropReplicated(const torch::Tensor& x, const ForwardPass& pass, int layer,
                             DropoutSite site) {
  return Drop(x, pass, layer, site, 0);
}

torch::Tensor DropLocal(const torch::Tensor& x, const ForwardPass& pass, int layer,
                        DropoutSite site, int rank) {
  return Drop(x, pass, layer, site, static_cast<uint64_t>(rank) + 1);
}

}  // namespace edgetp
