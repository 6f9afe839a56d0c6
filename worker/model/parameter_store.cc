#include "worker/model/parameter_store.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace edgetp {
namespace {

bool BelongsTo(const ParameterSpec& spec, const ParameterRange& range) {
  return std::tuple(spec.decays(), spec.sharded(), spec.partial_gradient) ==
         std::tuple(range.decays, range.sharded, range.partial_gradient);
}

int64_t Product(const std::vector<int64_t>& sizes) {
  int64_t product = 1;
  for (const int64_t size : sizes) product *= size;
  return product;
}

// Matrices first: their sizes keep what follows aligned.
const std::vector<ParameterRange> kLayout = {
    {.decays = true, .sharded = true},
    {.decays = true, .sharded = false},
    {.decays = false, .sharded = true},
    {.decays = false, .sharded = false},
    {.decays = false, .sharded = false, .partial_gradient = true},
};

}  // namespace

ParameterStore::ParameterStore(const std::vector<ParameterSpec>& specs, const Shard& shard,
                               const torch::Device& device)
    : ranges_(kLayout) {
  std::vector<ParameterSpec> owned;
  std::copy_if(specs.begin(), specs.end(), std::back_inserter(owned),
               [](const ParameterSpec& spec) { return spec.owned; });
  std::vector<int64_t> offsets(owned.size());
  int64_t total = 0;
  for (ParameterRange& range : ranges_) {
    range.begin = total;
    for (size_t i = 0; i < owned.size(); ++i) {
      if (!BelongsTo(owned[i], range)) continue;
      offsets[i] = total;
      total += Product(LocalShape(owned[i], shard));
    }
    range.size = total - range.begin;
  }
  for (torch::Tensor* flat : {&values_, &gradients_, &exp_avg_, &exp_avg_sq_}) {
    *flat = torch::zeros({total}, torch::TensorOptions().dtype(torch::kFloat).device(device));
  }
  for (size_t i = 0; i < owned.size(); ++i) {
    const std::vector<int64_t> sizes = LocalShape(owned[i], shard);
    auto view = [&](const torch::Tensor& flat) {
      return flat.narrow(0, offsets[i], Product(sizes)).view(sizes);
    };
    Parameter parameter{owned[i], view(values_).detach(), view(gradients_), view(exp_avg_),
                        view(exp_avg_sq_)};
    parameter.value.set_requires_grad(true);
    parameter.value.mutable_grad() = parameter.gradient;
    index_[owned[i].name] = i;
    parameters_.push_back(std::move(parameter));
  }
}

const Parameter* ParameterStore::Find(const std::string& name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &parameters_[it->second];
}

torch::Tensor ParameterStore::Value(const std::string& name) const {
  const Parameter* parameter = Find(name);
  return parameter == nullptr ? torch::Tensor() : parameter->value;
}

}  // namespace edgetp
