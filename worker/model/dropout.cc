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

torch::Tensor Draw(uint64_t key, double keep, torch::Tensor mask) {
  return mask.bernoulli_(keep, MakeGenerator(mask.device(), key)).div_(keep);
}

torch::Tensor MaskOf(const torch::Tensor& x, const ForwardPass& pass, uint64_t key) {
  const double keep = 1 - pass.dropout;
  const auto options = x.options().requires_grad(false);
  if (pass.all_rows == 0) return Draw(key, keep, torch::empty_like(x, options));
  const int64_t per_sequence = x.size(0) / pass.batch;
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes[0] = per_sequence * pass.all_rows;
  const int64_t first = per_sequence * pass.first_row;
  // Of a replica, whose other rows are other ranks': nobody here needs them.
  if (pass.masks == nullptr)
    return Draw(key, keep, torch::empty(sizes, options)).narrow(0, first, x.size(0)).clone();
  const torch::Tensor whole = pass.masks->Whole(key, keep, sizes, options);
  if (pass.first_row + pass.batch == pass.all_rows) pass.masks->Drop(key);  // the last group
  return whole.narrow(0, first, x.size(0));
}

torch::Tensor Drop(const torch::Tensor& x, const ForwardPass& pass, int layer, DropoutSite site,
                   uint64_t owner) {
  if (pass.dropout == 0) return x;
  return x * MaskOf(x, pass,
                    RandomBits(pass.dropout_key, static_cast<uint64_t>(layer + 1),
                               static_cast<uint64_t>(site), owner));
}

}  // namespace

torch::Tensor DropoutMasks::Whole(uint64_t key, double keep, const std::vector<int64_t>& sizes,
                                  const torch::TensorOptions& options) {
  torch::Tensor& mask = masks_[key];
  if (!mask.defined()) mask = Draw(key, keep, torch::empty(sizes, options));
  return mask;
}

torch::Tensor DropReplicated(const torch::Tensor& x, const ForwardPass& pass, int layer,
                             DropoutSite site) {
  return Drop(x, pass, layer, site, 0);
}

torch::Tensor DropLocal(const torch::Tensor& x, const ForwardPass& pass, int layer,
                        DropoutSite site, int rank) {
  return Drop(x, pass, layer, site, static_cast<uint64_t>(rank) + 1);
}

}  // namespace edgetp
