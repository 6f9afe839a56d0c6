// A plain single-process GPT with the block patterns of the design, in double precision, on full
// weights: the truth that worker/model is compared with. It emulates the ranks one after the other,
// slices heads and columns itself, and shares no code with worker/model: only the plain structs of
// trainer.h and the shard map of common/plan.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/plan/shard_map.h"
#include "worker/model/torch.h"
#include "worker/model/trainer.h"

namespace edgetp::test {

class Reference {
 public:
  Reference(const TrainerOptions& options, int world_size, const std::vector<NamedTensor>& weights);

  torch::Tensor Logits(const TokenBatch& batch);  // (B, T, V)
  torch::Tensor Loss(const TokenBatch& batch);    // scalar

  // Gradients of the mean loss over the micro-batches, clipping, AdamW. Returns loss and norm.
  StepResult TrainStep(int step, const std::vector<TokenBatch>& micro_batches,
                       double learning_rate);

  // Of the last step, before clipping. Parameters that the pattern does not use are absent.
  const std::map<std::string, torch::Tensor>& gradients() const { return gradients_; }
  const std::map<std::string, torch::Tensor>& weights() const { return weights_; }
  // In place of them; the optimizer's moments stay.
  void SetWeights(const std::map<std::string, torch::Tensor>& weights);

 private:
  torch::Tensor W(int layer, const std::string& name) const;
  torch::Tensor Bias(const std::string& name) const;  // zeros where there is none
  torch::Tensor Norm(const torch::Tensor& x, const std::string& name) const;
  torch::Tensor Attend(const torch::Tensor& u, int layer, int rank) const;  // P_i
  torch::Tensor Expand(const torch::Tensor& v, int layer, int rank) const;  // M_i
  torch::Tensor BlockT(const torch::Tensor& x, int layer) const;
  torch::Tensor BlockS(const torch::Tensor& x, int layer) const;
  torch::Tensor BlockD(const torch::Tensor& x, int layer) const;
  torch::Tensor BlockG(const torch::Tensor& x, int layer) const;
  // One block of a letter whose blocks do not know of one another.
  torch::Tensor Block(const torch::Tensor& x, int layer) const;
  // Blocks of one letter and modifier, `last` included.
  torch::Tensor Run(const torch::Tensor& x, int first, int last) const;
  // Attention (module 0) or MLP (1) of rank r on its own stream, its bias.
  torch::Tensor Module(const torch::Tensor& x, int layer, int module, int rank) const;
  torch::Tensor BiasOf(int layer, int module) const;
  torch::Tensor RunOfTDelayed(const torch::Tensor& x, int first, int last, int k) const;
  torch::Tensor RunOfTPartial(const torch::Tensor& x, int first, int last, double share) const;
  torch::Tensor RunOfL(const torch::Tensor& x, int first, int last) const;
  torch::Tensor RunOfP(const torch::Tensor& x, int first, int last) const;
  void Update(int step, double learning_rate, double scale);

  const TrainerOptions options_;
  const int world_size_;
  std::vector<Shard> shards_;
  std::map<std::string, torch::Tensor> weights_;
  std::map<std::string, torch::Tensor> gradients_, first_, second_;
};

}  // namespace edgetp::test
