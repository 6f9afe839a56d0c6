#include "worker/model/weight_exchange.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "worker/model/replica_moments.h"

namespace edgetp {

const TensorSet kWeightSet = {"", &Parameter::value};
const TensorSet kMomentSets[2] = {{"optimizer.exp_avg.", &Parameter::exp_avg},
                                  {"optimizer.exp_avg_sq.", &Parameter::exp_avg_sq}};
const TensorSet kOuterSet = {"optimizer.outer_momentum.", &Parameter::outer_momentum};

namespace {

using Index = std::map<std::string, const NamedTensor*>;

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("(", absl::StrJoin(shape, ", "), ")");
}

absl::Status CheckShape(const NamedTensor& tensor, const std::vector<int64_t>& want) {
  if (tensor.shape != want) {
    return absl::InvalidArgumentError(absl::StrCat("tensor ", tensor.name, " has shape ",
                                                   ShapeText(tensor.shape),
                                                   ", but the model needs ", ShapeText(want)));
  }
  int64_t count = 1;
  for (const int64_t size : want) count *= size;
  if (static_cast<int64_t>(tensor.values.size()) != count) {
    return absl::InvalidArgumentError(absl::StrCat("tensor ", tensor.name, " has ",
                                                   tensor.values.size(), " values, but its shape ",
                                                   ShapeText(want), " needs ", count));
  }
  return absl::OkStatus();
}

absl::StatusOr<Index> IndexByName(const std::vector<NamedTensor>& tensors) {
  Index index;
  for (const NamedTensor& tensor : tensors) {
    if (!index.emplace(tensor.name, &tensor).second) {
      return absl::InvalidArgumentError(absl::StrCat("tensor ", tensor.name, " is there twice"));
    }
  }
  return index;
}

double FullBytes(const ParameterSpec& spec) { return sizeof(float) * spec.elements(); }

// What is written of a parameter that the pattern has no use for: a norm that changes nothing, no
// bias, no moments.
torch::Tensor Unused(const ParameterSpec& spec, const TensorSet& set) {
  const bool scales = spec.role == ParameterRole::kNormWeight && set.prefix == kWeightSet.prefix;
  return torch::full(spec.full_shape, scales ? 1.0f : 0.0f);
}

torch::Tensor AsTensor(const NamedTensor& named) {
  return torch::from_blob(const_cast<float*>(named.values.data()), named.shape, torch::kFloat);
}

}  // namespace

void TakeShard(const torch::Tensor& full, const ParameterSpec& spec, const Shard& shard,
               const torch::Tensor& local) {
  torch::NoGradGuard no_grad;
  local.detach().copy_(ShardView(full, spec, shard).reshape(local.sizes()));
}

NamedTensor ToNamedTensor(const std::string& name, const torch::Tensor& tensor) {
  const torch::Tensor host = tensor.detach().to(torch::kCPU).contiguous();
  const float* data = host.data_ptr<float>();
  return {name, host.sizes().vec(), std::vector<float>(data, data + host.numel())};
}

std::vector<ParameterSpec> WeightExchange::UnusedOf(const std::vector<ParameterSpec>& specs) {
  std::vector<ParameterSpec> unused;
  std::copy_if(specs.begin(), specs.end(), std::back_inserter(unused),
               [](const ParameterSpec& spec) { return !spec.owned; });
  return unused;
}

absl::Status WeightExchange::Check(const std::vector<NamedTensor>& tensors,
                                   const std::vector<TensorSet>& sets) const {
  ASSIGN_OR_RETURN(Index index, IndexByName(tensors));
  for (const TensorSet& set : sets) {
    for (const Parameter& parameter : store_->parameters()) {
      const std::string name = set.prefix + parameter.spec.name;
      const auto it = index.find(name);
      if (it == index.end())
        return absl::InvalidArgumentError(absl::StrCat("tensor ", name, " is missing"));
      RETURN_IF_ERROR(CheckShape(*it->second, parameter.spec.full_shape));
      index.erase(it);
    }
    for (const ParameterSpec& spec : unused_) index.erase(set.prefix + spec.name);
  }
  // Of a run with another strategy.
  std::erase_if(index, [](const auto& entry) {
    return entry.first.rfind(kOuterSet.prefix, 0) == 0 ||
           entry.first.rfind(kReplicasPrefix, 0) == 0;
  });
  if (index.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("tensor ", index.begin()->first, " is none of this model's"));
}

absl::Status WeightExchange::Load(const std::vector<NamedTensor>& tensors,
                                  const std::vector<TensorSet>& sets) {
  RETURN_IF_ERROR(Check(tensors, sets));
  for (const NamedTensor& tensor : tensors) {
    for (const TensorSet& set : sets) {
      if (tensor.name.rfind(set.prefix, 0) != 0) continue;
      const Parameter* parameter = store_->Find(tensor.name.substr(set.prefix.size()));
      if (parameter == nullptr) continue;  // the pattern has no use for it
      TakeShard(AsTensor(tensor), parameter->spec, context_->shard(), parameter->*set.tensor);
    }
  }
  return absl::OkStatus();
}

// One for all: what is allocated and freed again and again leaves holes of other sizes.
torch::Tensor WeightExchange::MakeBuffer() const {
  double largest = 0;
  for (const Parameter& parameter : store_->parameters()) {
    if (parameter.spec.sharded()) largest = std::max(largest, parameter.spec.elements());
  }
  return torch::empty({static_cast<int64_t>(largest)});
}

torch::Tensor WeightExchange::GatherSlices(const ParameterSpec& spec, const torch::Tensor& own,
                                           const torch::Tensor& buffer) {
  std::vector<int64_t> counts;
  for (const Shard& shard : shards_)
    counts.push_back(static_cast<int64_t>(LocalElements(spec, shard)));
  const int64_t total = std::accumulate(counts.begin(), counts.end(), int64_t{0});
  const torch::Tensor whole = buffer.narrow(0, 0, total);
  const std::vector<torch::Tensor> slices = whole.split_with_sizes(counts);
  slices[context_->rank()].copy_(own.reshape({-1}));
  context_->Gather({TrafficClass::kControl, Phase::kOptimizer, -1}, counts, whole);
  if (context_->rank() != 0) return {};
  // Shares of the first axis lie one after another, but for those of q, k and v.
  if (SharedAxis(spec) == 0 && spec.split != ParameterSplit::kQkv) return whole.view(spec.full_shape);
  const torch::Tensor full = torch::empty(spec.full_shape);
  for (size_t rank = 0; rank < shards_.size(); ++rank) {
    const torch::Tensor part = ShardView(full, spec, shards_[rank]);
    part.copy_(slices[rank].view(part.sizes()));
  }
  return full;
}

std::vector<NamedTensor> WeightExchange::Gather(const std::vector<TensorSet>& sets,
                                                const ByteProgress& progress) {
  torch::NoGradGuard no_grad;
  const bool keeps = context_->rank() == 0;
  const torch::Tensor buffer = MakeBuffer();
  std::vector<NamedTensor> tensors;
  double total = 0;
  for (const Parameter& parameter : store_->parameters())
    total += sets.size() * FullBytes(parameter.spec);
  double done = 0;
  for (const TensorSet& set : sets) {
    for (const Parameter& parameter : store_->parameters()) {
      const ParameterSpec& spec = parameter.spec;
      torch::Tensor full = (parameter.*set.tensor).detach();
      if (spec.sharded()) full = GatherSlices(spec, full.cpu(), buffer);
      if (keeps) tensors.push_back(ToNamedTensor(set.prefix + spec.name, full));
      done += FullBytes(spec);
      if (progress) progress(done, total);
    }
    for (const ParameterSpec& spec : unused_) {
      if (keeps) tensors.push_back(ToNamedTensor(set.prefix + spec.name, Unused(spec, set)));
    }
  }
  return tensors;
}

}  // namespace edgetp
