// What the model's tests share: tiny options, weights that make every term matter, and a group of
// trainers.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/step_plan.h"
#include "tests/model/thread_group.h"
#include "worker/model/torch.h"
#include "worker/model/trainer.h"

namespace edgetp::test {

// L = pattern's length, H 4, C 16, T 8, V 11; P = 3 needs a split. On the device that the environment
// names (EDGETP_TEST_DEVICE), else on the CPU.
TrainerOptions TinyOptions(const std::string& pattern, int world_size, bool biases = true);

// Full weights in GPT-2's names, large and without symmetry: no bias is 0, no norm is 1.
std::vector<NamedTensor> StrongWeights(const ModelShape& shape);

// B = 2, T = 8, different for each number.
TokenBatch TinyBatch(const ModelShape& shape, int number);

// One trainer per rank of a ThreadGroup.
class TrainerGroup {
 public:
  TrainerGroup(const TrainerOptions& options, int world_size);

  ThreadGroup& threads() { return threads_; }
  Trainer& trainer(int rank) { return *trainers_[rank]; }
  // The same of one rank.
  absl::Status LoadWeights(int rank, const std::vector<NamedTensor>& weights);
  absl::Status LoadOptimizerState(int rank, const std::vector<NamedTensor>& moments);

  // Each of these runs on all ranks and demands success, and the same losses everywhere.
  void Load(const std::vector<NamedTensor>& weights);
  StepResult TrainStep(int step, const std::vector<TokenBatch>& micro_batches,
                       const UpdateRule& rule);
  double Evaluate(const TokenBatch& batch);
  std::vector<float> NextTokenLogits(const std::vector<int64_t>& tokens);
  std::vector<NamedTensor> Export(bool optimizer_state = false);  // of rank 0

 private:
  ThreadGroup threads_;
  std::vector<std::unique_ptr<Trainer>> trainers_;
};

// Fails each call that rank 1 makes of its communicator in a first step of two ranks, one at a time:
// rank 1 must end with that status, also in what it is asked next, and rank 0 must be told. Returns how
// many calls there are.
// `needed`: the other rank cannot end its step without so many of them; of later ones it need not hear.
int ExpectEachFailureEndsTheStep(const TrainerOptions& options,
                                 int needed = std::numeric_limits<int>::max());

// That a rank has entered the collectives of its list in `plan` (rank 0's), each as it stands there.
void ExpectPlanned(const absl::StatusOr<StepPlan>& plan, const std::vector<LoggedAllReduce>& got);

// The values as a double tensor of its shape.
torch::Tensor AsTensor(const NamedTensor& named);

// Largest absolute difference.
// Shapes: equal.
double Difference(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace edgetp::test
