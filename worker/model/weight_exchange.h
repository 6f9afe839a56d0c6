// Between a rank's slices and full tensors in host memory: what weight files and checkpoints are
// made of.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "worker/model/parallel_context.h"
#include "worker/model/parameter_store.h"
#include "worker/model/shards.h"
#include "worker/model/trainer.h"

namespace edgetp {

// A set of tensors that one file holds, one for each parameter.
struct TensorSet {
  std::string prefix;                // before the parameter's name
  torch::Tensor Parameter::*tensor;  // which one of the parameter
};

extern const TensorSet kWeightSet;  // "wte.weight"
extern const TensorSet
    kMomentSets[2];  // "optimizer.exp_avg.wte.weight", "optimizer.exp_avg_sq.wte.weight"
extern const TensorSet kOuterSet;  // "optimizer.outer_momentum.wte.weight"

class WeightExchange {
 public:
  // `shards`: of every rank.
  WeightExchange(const std::vector<ParameterSpec>& specs, std::vector<Shard> shards,
                 ParallelContext* context, ParameterStore* store)
      : unused_(UnusedOf(specs)), shards_(std::move(shards)), context_(context), store_(store) {}

  // Replaces the sets by slices of `tensors`. What the pattern's letters do not own may be there or
  // not, and is ignored; so is an outer momentum that nobody asks for.
  // Errors: InvalidArgument naming a missing, unknown, doubled or misshapen tensor; nothing is
  // changed then.
  absl::Status Load(const std::vector<NamedTensor>& tensors, const std::vector<TensorSet>& sets);

  // Brings each rank's slices to rank 0 (class control); nothing else travels. All ranks call; rank
  // 0 gets full tensors in the order of the specs, what nobody owns as zeros after them, the others
  // none. Throws CollectiveError.
  std::vector<NamedTensor> Gather(const std::vector<TensorSet>& sets, const ByteProgress& progress);

 private:
  absl::Status Check(const std::vector<NamedTensor>& tensors,
                     const std::vector<TensorSet>& sets) const;
  // The full tensor on rank 0, an undefined one elsewhere; valid until `buffer`, which is large
  // enough, is used again.
  torch::Tensor GatherSlices(const ParameterSpec& spec, const torch::Tensor& own,
                             const torch::Tensor& buffer);
  // For the largest tensor that is gathered.
  torch::Tensor MakeBuffer() const;

  static std::vector<ParameterSpec> UnusedOf(const std::vector<ParameterSpec>& specs);

  const std::vector<ParameterSpec> unused_;
  const std::vector<Shard> shards_;
  ParallelContext* const context_;
  ParameterStore* const store_;
};

// Copies the rank's part of a full tensor (host memory, contiguous) into `local`.
void TakeShard(const torch::Tensor& full, const ParameterSpec& spec, const Shard& shard,
               const torch::Tensor& local);

// A copy in host memory.
NamedTensor ToNamedTensor(const std::string& name, const torch::Tensor& tensor);

}  // namespace edgetp
