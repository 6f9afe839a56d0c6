// A rank's parameters, gradients and optimizer moments in four flat buffers, so that optimizer,
// clipping and gradient sync each touch a few long ranges instead of many short tensors. Parameters
// of one kind lie together, or, in a replica, those whose gradients one stage of the backward pass
// completes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/plan/data_parallel.h"
#include "common/plan/parameters.h"
#include "worker/model/torch.h"

namespace edgetp {

struct Parameter {
  ParameterSpec spec;
  torch::Tensor value;  // a leaf of autograd; its gradient accumulates in `gradient`
  // The rest is undefined where nobody trains.
  torch::Tensor
      gradient;  // this and the rest are views of the flat buffers, in the rank's local shape
  torch::Tensor exp_avg;
  torch::Tensor exp_avg_sq;
  torch::Tensor outer_momentum;  // undefined unless replicas exchange weights
};

// A range of the flat buffers. Its length on a replicated range is the same on all ranks.
struct ParameterRange {
  int64_t begin = 0;
  int64_t size = 0;
  bool decays = false;
  bool sharded = false;
  bool partial_gradient = false;

  torch::Tensor Of(const torch::Tensor& flat) const { return flat.narrow(0, begin, size); }
};

class ParameterStore {
 public:
  // What `specs` own, all zeros. `replicas`: what the ranks exchange if each has all of it (specs
  // are Replicated then). `trains`: values alone where it is false. Throws what LibTorch throws.
  ParameterStore(const std::vector<ParameterSpec>& specs, const Shard& shard,
                 const torch::Device& device, Replicas replicas = Replicas::kNone,
                 bool trains = true);

  const std::vector<Parameter>& parameters() const {
    return parameters_;
  }  // in the order of the specs
  const std::vector<ParameterRange>& ranges() const { return ranges_; }
  // The parameter of that name, or null.
  const Parameter* Find(const std::string& name) const;
  // Its tensor, or an undefined one: how a model without biases reads its biases.
  torch::Tensor Value(const std::string& name) const;

  // Flat, float32, of equal length. In a replica the gradients are in the order in which a backward
  // pass completes them.
  const torch::Tensor& values() const { return values_; }
  const torch::Tensor& gradients() const { return gradients_; }
  const torch::Tensor& exp_avg() const { return exp_avg_; }
  const torch::Tensor& exp_avg_sq() const { return exp_avg_sq_; }
  // Where replicas exchange weights, else undefined: those that they had in common last, and the
  // momentum of the outer optimizer.
  const torch::Tensor& common() const { return common_; }
  const torch::Tensor& outer_momentum() const { return outer_momentum_; }

 private:
  torch::Tensor values_, gradients_, exp_avg_, exp_avg_sq_, common_, outer_momentum_;
  std::vector<Parameter> parameters_;
  std::vector<ParameterRange> ranges_;
  std::map<std::string, size_t> index_;
};

}  // namespace edgetp
