#include "worker/model/replica_moments.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/base/status_macros.h"
#include "worker/model/weight_exchange.h"

namespace edgetp {
namespace {

// "optimizer.replicas.exp_avg." for "optimizer.exp_avg.".
std::string PrefixOf(const TensorSet& set) {
  return absl::StrCat(kReplicasPrefix, set.prefix.substr(set.prefix.find('.') + 1));
}

// Where the rank's row of a tensor goes.
struct Row {
  const StoredTensor* all;
  torch::Tensor into;
};

}  // namespace

std::vector<TensorInfo> ReplicaMoments(const ParallelContext& ranks, const ParameterStore& store) {
  std::vector<TensorInfo> tensors;
  if (ranks.world_size() == 1) return tensors;
  for (const TensorSet& set : kMomentSets) {
    for (const Parameter& parameter : store.parameters()) {
      std::vector<int64_t> shape = (parameter.*set.tensor).sizes().vec();
      shape.insert(shape.begin(), ranks.world_size());
      tensors.push_back({PrefixOf(set) + parameter.spec.name, std::move(shape)});
    }
  }
  return tensors;
}

absl::Status GatherReplicaMoments(ParallelContext& ranks, const ParameterStore& store,
                                  const ValueSink& sink) {
  absl::Status first;
  if (ranks.world_size() == 1) return first;
  torch::NoGradGuard no_grad;
  for (const TensorSet& set : kMomentSets) {
    for (const Parameter& parameter : store.parameters()) {
      const torch::Tensor own = (parameter.*set.tensor).detach().cpu();
      const torch::Tensor all = torch::empty({ranks.world_size(), own.numel()});
      all[ranks.rank()].copy_(own.reshape({-1}));
      ranks.Gather({TrafficClass::kControl, Phase::kOptimizer, -1},
                   std::vector<int64_t>(ranks.world_size(), own.numel()), all.view({-1}));
      if (ranks.rank() == 0 && first.ok())
        first = sink(absl::MakeConstSpan(all.data_ptr<float>(), static_cast<size_t>(all.numel())));
    }
  }
  return first;
}

absl::Status TakeReplicaMoments(const std::vector<StoredTensor>& tensors, int rank,
                                ParameterStore& store) {
  torch::NoGradGuard no_grad;
  std::vector<Row> rows;
  for (const StoredTensor& tensor : tensors) {
    for (const TensorSet& set : kMomentSets) {
      const std::string prefix = PrefixOf(set);
      if (tensor.name.rfind(prefix, 0) != 0) continue;
      const Parameter* const parameter = store.Find(tensor.name.substr(prefix.size()));
      const int64_t own = parameter == nullptr ? -1 : (parameter->*set.tensor).numel();
      const int64_t ranks = tensor.shape.empty() ? 0 : tensor.shape[0];
      if (own < 0 || tensor.elements() != ranks * own) {
        return absl::InvalidArgumentError(
            absl::StrCat("tensor ", tensor.name, " is none of this model's replicas"));
      }
      if (rank < ranks) rows.push_back({&tensor, parameter->*set.tensor});
    }
  }
  for (const Row& row : rows) {
    const torch::Tensor values = torch::empty(row.into.sizes(), torch::kFloat);
    RETURN_IF_ERROR(row.all->read(
        rank * values.numel(),
        absl::MakeSpan(values.data_ptr<float>(), static_cast<size_t>(values.numel()))));
    row.into.copy_(values);
  }
  return absl::OkStatus();
}

}  // namespace edgetp
