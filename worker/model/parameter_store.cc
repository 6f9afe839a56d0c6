#include "worker/model/parameter_store.h"

#include <algorithm>
#include <iterator>
#include <numeric>
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

// Where each parameter lies.
struct Placement {
  std::vector<ParameterRange> ranges;
  std::vector<int64_t> offsets;  // by parameter
  int64_t total = 0;
};

Placement PlaceByKind(const std::vector<ParameterSpec>& owned, const Shard& shard) {
  Placement place{kLayout, std::vector<int64_t>(owned.size())};
  for (ParameterRange& range : place.ranges) {
    range.begin = place.total;
    for (size_t i = 0; i < owned.size(); ++i) {
      if (!BelongsTo(owned[i], range)) continue;
      place.offsets[i] = place.total;
      place.total += Product(LocalShape(owned[i], shard));
    }
    range.size = place.total - range.begin;
  }
  return place;
}

// Of a replica: stage by stage of the backward pass, the matrices of each first.
Placement PlaceInBackwardOrder(const std::vector<ParameterSpec>& owned) {
  std::vector<size_t> order(owned.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto key = [&](size_t i) { return std::tuple(-owned[i].stage, !owned[i].decays()); };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key(a) < key(b); });
  Placement place{{}, std::vector<int64_t>(owned.size())};
  for (const size_t i : order) {
    if (place.ranges.empty() || !BelongsTo(owned[i], place.ranges.back()))
      place.ranges.push_back({.begin = place.total, .decays = owned[i].decays()});
    place.offsets[i] = place.total;
    place.total += Product(owned[i].full_shape);
    place.ranges.back().size = place.total - place.ranges.back().begin;
  }
  return place;
}

}  // namespace

ParameterStore::ParameterStore(const std::vector<ParameterSpec>& specs, const Shard& shard,
                               const torch::Device& device, Replicas replicas, bool trains) {
  std::vector<ParameterSpec> owned;
  std::copy_if(specs.begin(), specs.end(), std::back_inserter(owned),
               [](const ParameterSpec& spec) { return spec.owned; });
  const Placement place =
      replicas == Replicas::kNone ? PlaceByKind(owned, shard) : PlaceInBackwardOrder(owned);
  ranges_ = place.ranges;
  std::vector<torch::Tensor*> flats = {&values_};
  if (trains) flats.insert(flats.end(), {&gradients_, &exp_avg_, &exp_avg_sq_});
  if (trains && replicas == Replicas::kWeights)
    flats.insert(flats.end(), {&common_, &outer_momentum_});
  for (torch::Tensor* flat : flats) {
    *flat = torch::zeros({place.total}, torch::TensorOptions().dtype(torch::kFloat).device(device));
  }
  for (size_t i = 0; i < owned.size(); ++i) {
    const std::vector<int64_t> sizes = LocalShape(owned[i], shard);
    auto view = [&](const torch::Tensor& flat) {
      if (!flat.defined()) return torch::Tensor();
      return flat.narrow(0, place.offsets[i], Product(sizes)).view(sizes);
    };
    Parameter parameter{owned[i], view(values_).detach(), view(gradients_), view(exp_avg_),
                        view(exp_avg_sq_), view(outer_momentum_)};
    if (trains) {
      parameter.value.set_requires_grad(true);
      parameter.value.mutable_grad() = parameter.gradient;
    }
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
