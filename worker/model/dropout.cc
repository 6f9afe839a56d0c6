#include "worker/model/dropout.h"

#include <ATen/Context.h>

#include <vector>

#include "common/base/random.h"

namespace edgetp {
namespace {

// A generator of our own: the process-wide one is shared by everything that runs in this process.
at::Generator MakeGenerator(const torch::Device& device, uint64_t seed) {
  at::Generator generator = at::globalContext().defaultGenerator(device).clone();
  generator.set_current_seed(seed);
  return generator;
}

// A group of rows is masked as it is within its micro-batch, so that cutting changes no result: the
// mask is that of the whole micro-batch, and each group takes its rows.
torch::Tensor EmptyMask(const torch::Tensor& x, const ForwardPass& pass) {
  const auto options = x.options().requires_grad(false);
  if (pass.all_rows == 0) return torch::empty_like(x, options);
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes[0] = sizes[0] / pass.batch * pass.all_rows;
  return torch::empty(sizes, options);
}

torch::Tensor OfTheseRows(const torch::Tensor& mask, const torch::Tensor& x,
                          const ForwardPass& pass) {
  if (pass.all_rows == 0) return mask;
  return mask.narrow(0, x.size(0) / pass.batch * pass.first_row, x.size(0));
}

torch::Tensor Drop(const torch::Tensor& x, const ForwardPass& pass, int layer, DropoutSite site,
                   uint64_t owner) {
  if (pass.dropout == 0) return x;
  const uint64_t key = RandomBits(pass.dropout_key, static_cast<uint64_t>(layer + 1),
                                  static_cast<uint64_t>(site), owner);
  const double keep = 1 - pass.dropout;
  torch::Tensor mask = EmptyMask(x, pass);
  mask.bernoulli_(keep, MakeGenerator(x.device(), key)).div_(keep);
  return x * OfTheseRows(mask, x, pass);
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
