#include "worker/model/replica_moments.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/model/weight_exchange.h"

namespace edgetp {
namespace {

// "optimizer.replicas.exp_avg." for "optimizer.exp_avg.".
std::string PrefixOf(const TensorSet& set) {
  return absl::StrCat(kReplicasPrefix, set.prefix.substr(set.prefix.find('.') + 1));
}

// Where the rank's row of a tensor goes.
struct Row {
  const float* values;
  torch::Tensor into;
};

}  // namespace

std::vector<NamedTensor> GatherReplicaMoments(ParallelContext& ranks, const ParameterStore& store) {
  std::vector<NamedTensor> tensors;
  if (ranks.world_size() == 1) return tensors;
  torch::NoGradGuard no_grad;
  for (const TensorSet& set : kMomentSets) {
    for (const Parameter& parameter : store.parameters()) {
      const torch::Tensor own = (parameter.*set.tensor).detach().cpu();
      std::vector<int64_t> shape = own.sizes().vec();
      shape.insert(shape.begin(), ranks.world_size());
      const torch::Tensor all = torch::empty(shape);
      all[ranks.rank()].copy_(own);
      ranks.Gather({TrafficClass::kControl, Phase::kOptimizer, -1},
                   std::vector<int64_t>(ranks.world_size(), own.numel()), all.view({-1}));
      if (ranks.rank() == 0)
        tensors.push_back(ToNamedTensor(PrefixOf(set) + parameter.spec.name, all));
    }
  }
  return tensors;
}

absl::Status TakeReplicaMoments(const std::vector<NamedTensor>& tensors, int rank,
                                ParameterStore& store) {
  torch::NoGradGuard no_grad;
  std::vector<Row> rows;
  for (const NamedTensor& tensor : tensors) {
    for (const TensorSet& set : kMomentSets) {
      const std::string prefix = PrefixOf(set);
      if (tensor.name.rfind(prefix, 0) != 0) continue;
      const Parameter* const parameter = store.Find(tensor.name.substr(prefix.size()));
      const int64_t own = parameter == nullptr ? -1 : (parameter->*set.tensor).numel();
      const int64_t ranks = tensor.shape.empty() ? 0 : tensor.shape[0];
      if (own < 0 || static_cast<int64_t>(tensor.values.size()) != ranks * own) {
        return absl::InvalidArgumentError(
            absl::StrCat("tensor ", tensor.name, " is none of this model's replicas"));
      }
      if (rank < ranks) rows.push_back({tensor.values.data() + rank * own, parameter->*set.tensor});
    }
  }
  for (const Row& row : rows) {
    row.into.copy_(
        torch::from_blob(const_cast<float*>(row.values), row.into.sizes(), torch::kFloat));
  }
  return absl::OkStatus();
}

}  // namespace edgetp
