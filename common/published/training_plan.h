// The plan of one training step of a published run: stages of a pipeline, each shared by tensor-
// parallel ranks. Computing is counted in forward passes of a layer on one rank: what one takes is
// an input. Rank = stage * tensor + its place in the stage. Pure.
#pragma once

#include "absl/status/statusor.h"
#include "common/plan/step_plan.h"
#include "edgetp/v1/published.pb.h"

namespace edgetp {

// Sizes with their defaults.
struct TrainingSizes {
  explicit TrainingSizes(const v1::PublishedTraining& work);
  int pipeline, tensor, data, sequences;
  int ranks() const { return pipeline * tensor; }  // of one replica
};

// Of one replica, without the exchange of gradients. In a layer, two all-reduces of the activations
// of a micro-batch in each of forward pass, recomputation and backward pass; between stages, a
// message of them each way, which the sender does not wait for. A backward pass is two forward passes.
// Source: Megatron-LM (1909.08053); GPipe (1811.06965); PipeDream-Flush (2006.09503) for 1F1B.
// Errors: those of WireFormat::Parse.
absl::StatusOr<StepPlan> BuildTrainingPlan(const v1::PublishedTraining& work);

}  // namespace edgetp
