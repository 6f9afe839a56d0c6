// Between a rank's slices and full tensors: what weight files and checkpoints are made of. Full
// tensors pass by in pieces; nobody ever holds a model.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/data/stored_tensor.h"
#include "worker/model/parallel_context.h"
#include "worker/model/parameter_store.h"
#include "worker/model/shards.h"

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
  // changed then. Those of reading; then some of them are.
  absl::Status Load(const std::vector<StoredTensor>& tensors, const std::vector<TensorSet>& sets);

  // What Gather sends: full tensors in the order of the specs, set by set, after each what nobody
  // owns.
  std::vector<TensorInfo> Tensors(const std::vector<TensorSet>& sets) const;

  // Brings each rank's slices to rank 0 (class control); nothing else travels. All ranks call;
  // `sink` gets the values on rank 0 alone. What nobody owns is sent as zeros, a norm's weight as
  // ones. Throws CollectiveError.
  // Errors: the first one of `sink`. All ranks go on to the end all the same.
  absl::Status Gather(const std::vector<TensorSet>& sets, const ValueSink& sink);

 private:
  absl::Status Check(const std::vector<StoredTensor>& tensors,
                     const std::vector<TensorSet>& sets) const;
  absl::Status LoadOne(const StoredTensor& full, const ParameterSpec& spec,
                       const torch::Tensor& local) const;
  void GatherOne(const ParameterSpec& spec, const torch::Tensor& own, const torch::Tensor& buffer,
                 const ValueSink& sink);
  // Rows [begin, begin + rows) of the full tensor, on rank 0; valid until `buffer` is used again.
  torch::Tensor GatherRows(const ParameterSpec& spec, const torch::Tensor& own, Range rows,
                           const torch::Tensor& buffer);
  // For the largest piece that is gathered.
  torch::Tensor MakeBuffer() const;

  static std::vector<ParameterSpec> UnusedOf(const std::vector<ParameterSpec>& specs);

  const std::vector<ParameterSpec> unused_;
  const std::vector<Shard> shards_;
  ParallelContext* const context_;
  ParameterStore* const store_;
};

// A copy in host memory.
NamedTensor ToNamedTensor(const std::string& name, const torch::Tensor& tensor);

}  // namespace edgetp
